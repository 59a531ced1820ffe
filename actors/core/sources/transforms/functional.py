"""torchvision's functions on images. Only code that transforms an image imports them, because
that takes a second."""

from __future__ import annotations

import functools
from typing import Any

from actors.core.torchvision_compat import import_torchvision


@functools.cache
def image_functions() -> Any:
    """Returns ``torchvision.transforms.v2.functional``, whose functions draw no random numbers."""
    return import_torchvision("torchvision.transforms.v2.functional")


@functools.cache
def interpolation(name: str) -> Any:
    """torchvision's interpolation mode."""
    return import_torchvision("torchvision.transforms.v2").InterpolationMode(name)
