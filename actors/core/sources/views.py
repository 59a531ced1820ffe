"""How samples lie in a source's array, and how they become what a model is given."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import torch

from actors.core.model.model_spec import DTYPES, TensorSpec


@dataclass(frozen=True)
class Scaling:
    """``(x / unit - mean) / std`` in float32. ``mean`` and ``std`` have one number, or one for
    each index of a sample's first dimension: an image's channels, a table's columns."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    unit: float = 1.0

    def of(self, stored: torch.Tensor) -> torch.Tensor:
        """A new tensor; ``stored`` is a batch."""
        scaled = stored.to(torch.float32, copy=True)
        if self.unit != 1.0:
            scaled.div_(self.unit)
        if len(self.mean) == 1:
            return scaled.sub_(self.mean[0]).div_(self.std[0])
        shape = (1, -1, *(1 for _ in stored.shape[2:]))
        mean, std = (_tensor(own, stored.device) for own in (self.mean, self.std))
        return scaled.sub_(mean.view(shape)).div_(std.view(shape))


@dataclass(frozen=True)
class Window:
    """Sample i is the ``length`` entries of an array from ``i * stride + shift`` on."""

    length: int
    stride: int
    shift: int = 0


@dataclass(frozen=True)
class SampleView:
    """``sample`` is what it becomes; without a ``window`` sample i is row i of the array. The only
    channel of an image comes ``repeated`` so many times."""

    sample: TensorSpec
    scaling: Scaling | None = None
    window: Window | None = None
    repeated: int = 1

    def gather(self, stored: torch.Tensor, samples: torch.Tensor | slice) -> torch.Tensor:
        """Those samples as they are stored, where ``stored`` is; ``samples`` are indices."""
        if self.window is not None:
            own = self.window
            stored = stored[own.shift :].unfold(0, own.length, own.stride)
        if isinstance(samples, slice):
            return stored[samples]
        return stored.index_select(0, samples)  # a tenth of the time that [] takes

    def without_overlap(self) -> SampleView:
        """With windows side by side, if it has windows."""
        if self.window is None:
            return self
        return replace(self, window=replace(self.window, stride=self.window.length))

    def prepare(self, gathered: torch.Tensor) -> torch.Tensor:
        """A batch of ``sample``, on the device that ``gathered`` is on."""
        if self.scaling is not None:
            gathered = self.scaling.of(gathered)
        if self.repeated != 1:
            gathered = gathered.expand(-1, self.repeated, *gathered.shape[2:]).contiguous()
        return gathered.to(DTYPES[self.sample.dtype]).view(-1, *self.sample.shape)


@dataclass(frozen=True)
class SampleViews:
    """Of the inputs and the targets of the same samples."""

    inputs: SampleView
    targets: SampleView

    def for_validation(self) -> SampleViews:
        """Windows do not overlap there: each token is told once."""
        return SampleViews(self.inputs.without_overlap(), self.targets.without_overlap())


def window_views(context: int, stride: int) -> SampleViews:
    """Of ``context`` tokens of a text, and of the same shifted by one."""
    sample = TensorSpec((context,), "int64")
    inputs = SampleView(sample, window=Window(context, stride))
    return SampleViews(inputs, SampleView(sample, window=Window(context, stride, shift=1)))


@functools.lru_cache(maxsize=64)
def _tensor(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """float32, made once a device: to copy it there takes longer than to use it."""
    return torch.tensor(values, device=device)
