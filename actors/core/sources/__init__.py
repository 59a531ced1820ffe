"""Where samples come from: kinds of sources, how a sample lies in their arrays, what they hold."""

from actors.core.sources import kinds as _kinds  # noqa: F401 - fills the registry
from actors.core.sources.transforms import kinds as _transforms  # noqa: F401 - fills the registry
