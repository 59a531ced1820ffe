"""How a model is trained: optimiser, learning rate, and the other fields of a train_config that
concern a step."""

from actors.core.recipe import lr_schedules as _lr_schedules  # noqa: F401 - fills the registry
from actors.core.recipe import optimizers as _optimizers  # noqa: F401 - fills the registry
