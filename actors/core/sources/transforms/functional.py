"""torchvision's functions on images, imported by whoever transforms one: they take a second."""

from __future__ import annotations

import functools
from typing import Any

from actors.core.torchvision_compat import import_torchvision


@functools.cache
def functional() -> Any:
    """``torchvision.transforms.v2.functional``: none of them draws random numbers."""
    return import_torchvision("torchvision.transforms.v2.functional")


@functools.cache
def interpolation(name: str) -> Any:
    """torchvision's word for it."""
    return import_torchvision("torchvision.transforms.v2").InterpolationMode(name)
