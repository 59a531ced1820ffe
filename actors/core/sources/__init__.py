"""Where samples come from: the kinds of sources, their arrays, and the views of samples in them."""

from actors.core.sources import kinds as _kinds  # noqa: F401 - fills the registry
from actors.core.sources.transforms import kinds as _transforms  # noqa: F401 - fills the registry
