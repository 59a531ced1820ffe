"""The purpose for which a model is trained: a loss and metrics. Importing this fills the
registries."""

from actors.core.tasks import kinds as _kinds  # noqa: F401 - fills the registry of tasks
from actors.core.tasks import metrics as _metrics  # noqa: F401 - fills the registry of metrics
