"""Transforms that mix two samples. They work on batches of inputs and of targets (``Mixing``)."""

from __future__ import annotations

import torch

from actors.core.fields import number
from actors.core.sources.transforms.registry import (
    Keywords,
    Numbers,
    TransformKind,
    add_transform,
    nothing,
)


def _alone(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    raise AssertionError("views mix samples, not images one by one")


for name, says, alpha in (
    ("MixUp", "an image and another one, faded into each other, and their classes likewise", 0.2),
    ("CutMix", "an image with a part of another one in it, and their classes likewise", 1.0),
):
    add_transform(
        TransformKind(
            name,
            says,
            _alone,
            {"alpha": number(0.0, 100.0, alpha, above=True)},
            in_validation=nothing,
            mixes=True,
        )
    )
