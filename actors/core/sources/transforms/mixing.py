"""Two samples made one: MixUp and CutMix, of inputs and of targets alike.

A sample's partner is drawn from all training samples, not from its batch: so what it becomes
depends on nothing but the seed, the epoch and its index, and the first and the last stage reckon it
alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from actors.core.seeds import MIXING_STREAM
from actors.core.sources.transforms.uniforms import uniforms
from actors.core.transform_spec import Draws

Array = np.ndarray[Any, Any]
NUM_DRAWS = 4
SEEDS = 2**32
"""The number of seeds of numpy's RandomState, whose streams are promised to stay the
same."""


@dataclass(frozen=True)
class Mixing:
    """``kind`` is MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019). A sample's own share in
    the result is drawn from the beta distribution with ``alpha`` as both parameters. Images are
    ``height`` times ``width``."""

    kind: str
    alpha: float
    height: int
    width: int
    num_classes: int


@dataclass(frozen=True)
class Box:
    """Rows ``[top, bottom)`` and columns ``[left, right)`` of an image."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, eq=False)
class Mixed:
    """What was drawn for each sample: its partner (int64 ``[n]``), its own share (float64
    ``[n]``) and, for CutMix, the part of the image that comes from the partner."""

    mixing: Mixing
    partners: torch.Tensor
    shares: torch.Tensor
    boxes: tuple[Box, ...]

    def images(self, own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Mixes two batches of images into uint8 ``[n, channels, height, width]``."""
        if not self.boxes:
            shares = self.shares.float().view(-1, 1, 1, 1)
            return (own * shares + others * (1.0 - shares)).round().to(torch.uint8)
        mixed = own.clone()
        for row, box in enumerate(self.boxes):
            place = (row, slice(None), slice(box.top, box.bottom), slice(box.left, box.right))
            mixed[place] = others[place]
        return mixed

    def targets(self, own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Mixes two batches of classes (int64 ``[n]``) into float32 ``[n, classes]``. The sum of
        each row is 1."""
        count = self.mixing.num_classes
        shares = self.shares.float()[:, None]
        one, other = (torch.nn.functional.one_hot(each, count).float() for each in (own, others))
        return one * shares + other * (1.0 - shares)


def mixed(mixing: Mixing, draws: Draws, samples: torch.Tensor, num_train: int) -> Mixed:
    """Draws the mixing of the samples with these indices (int64 ``[n]``), out of ``num_train``."""
    numbers = uniforms(draws, samples.numpy(), NUM_DRAWS, MIXING_STREAM)
    partners = (numbers[:, 0] * num_train).astype(np.int64)
    shares = [_share(mixing.alpha, number) for number in numbers[:, 1].tolist()]
    boxes: tuple[Box, ...] = ()
    if mixing.kind == "CutMix":
        places = numbers[:, 2:].tolist()
        boxes = tuple(_box(mixing, *each) for each in zip(shares, places, strict=True))
        shares = [1.0 - _area(box) / (mixing.height * mixing.width) for box in boxes]
    return Mixed(
        mixing, torch.from_numpy(partners), torch.tensor(shares, dtype=torch.float64), boxes
    )


def _share(alpha: float, number: float) -> float:
    return float(np.random.RandomState(int(number * SEEDS)).beta(alpha, alpha))


def _box(mixing: Mixing, share: float, place: list[float]) -> Box:
    """Draws the part of the image around a random place, clipped to the image, like torchvision."""
    half = 0.5 * math.sqrt(1.0 - share)
    rows, columns = int(half * mixing.height), int(half * mixing.width)
    row, column = int(place[0] * mixing.height), int(place[1] * mixing.width)
    return Box(
        max(row - rows, 0),
        min(row + rows, mixing.height),
        max(column - columns, 0),
        min(column + columns, mixing.width),
    )


def _area(box: Box) -> int:
    return (box.bottom - box.top) * (box.right - box.left)
