"""A model's random streams, which depend on the layer and the time, never on the place.

Layers draw from PyTorch's own generator, of which a process has one: whoever sets its seed holds
``GENERATOR`` until the numbers are drawn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from actors.core.seeds import TRAINING_STREAM, stream_seed

GENERATOR = threading.RLock()


@dataclass(frozen=True)
class Moment:
    """When a microbatch is computed, whatever the split: ``epoch`` counts from when the weights
    were drawn, ``step`` from 0 in it."""

    epoch: int = 0
    step: int = 0
    microbatch: int = 0


def seed_draws(
    layers: nn.Sequential, drawing: Iterable[int], seed: int, moment: Callable[[], Moment]
) -> None:
    """Has the layers of those indices draw, whenever they train, by the job's seed, their index and
    the moment."""
    for index in drawing:
        module = layers.get_submodule(str(index))
        module.register_forward_pre_hook(_reseeding(index, seed, moment))
        module.register_forward_hook(_drawn, always_call=True)


def _reseeding(
    index: int, seed: int, moment: Callable[[], Moment]
) -> Callable[[nn.Module, Any], None]:
    def reseed(layer: nn.Module, _: Any) -> None:
        GENERATOR.acquire()
        if layer.training:
            at = moment()
            stream = (TRAINING_STREAM, index, at.epoch, at.step, at.microbatch)
            torch.manual_seed(stream_seed(seed, *stream))

    return reseed


def _drawn(layer: nn.Module, inputs: Any, outputs: Any) -> None:
    GENERATOR.release()
