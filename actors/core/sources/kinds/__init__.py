"""One module a family of sources; importing this fills the registry."""

from actors.core.sources.kinds import (  # noqa: F401
    cifar,
    digits,
    mnist_family,
    other_images,
    synthetic,
    tables,
    text,
)
