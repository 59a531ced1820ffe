"""A device that shows if something was not handed over to it, for machines without an
accelerator."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from actors.core.sources.views import SampleView
from actors.core.stages.compute_device import ComputeDevice
from actors.core.transform_spec import Draws


class FarDevice(ComputeDevice):
    """The CPU, but its numbers are float64. An operation with a host tensor fails by its type, as
    it fails by its place with an accelerator. It works later than its calls."""

    name = accelerator = "far"
    defers = True

    def __init__(self) -> None:
        self.buffers = 0
        self.not_waited_for = 0

    def place(self, layers: nn.Sequential) -> nn.Sequential:
        return layers.double()

    def host_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        self.buffers += 1
        return super().host_buffer(shape, dtype)

    def take(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.double() if tensor.dtype is torch.float32 else tensor

    def give(self, tensor: torch.Tensor) -> torch.Tensor:
        assert tensor.dtype is torch.float64, "this is the host's already"
        return tensor.float()

    def load(
        self,
        view: SampleView,
        stored: torch.Tensor,
        samples: torch.Tensor | slice,
        draws: Draws | None = None,
    ) -> torch.Tensor:
        return self.take(super().load(view, stored, samples, draws))

    def mark(self) -> Any:
        self.not_waited_for += 1
        return super().mark()

    def seconds(self, begin: Any, end: Any) -> float:
        self.not_waited_for -= 2
        return super().seconds(begin, end)
