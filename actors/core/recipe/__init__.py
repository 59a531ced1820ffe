"""How a model is trained: optimiser, learning rate, and what else a train_config says of a step."""

from actors.core.recipe import lr_schedules as _lr_schedules  # noqa: F401 - fills the registry
from actors.core.recipe import optimizers as _optimizers  # noqa: F401 - fills the registry
