"""A model as data: kinds of layers, blocks that are never cut, and the facts of each block."""

from actors.core.model import kinds as _kinds  # noqa: F401 - fills the registry
from actors.core.model import libraries as _libraries  # noqa: F401 - the same
