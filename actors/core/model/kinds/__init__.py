"""One module a family of layers; importing this fills the registry."""

from actors.core.model.kinds import (  # noqa: F401
    activations,
    attention,
    containers,
    convolution,
    dense,
    norms,
    pooling,
    reshaping,
    sequences,
)
