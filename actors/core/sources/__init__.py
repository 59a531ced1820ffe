"""Where samples come from: kinds of sources, how a sample lies in their arrays, what they hold."""

from actors.core.sources import kinds as _kinds  # noqa: F401 - fills the registry
