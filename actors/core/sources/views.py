"""How samples lie in a source's arrays, and how they become a model's inputs and targets."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import torch

from actors.core.model.model_spec import DTYPES, TensorSpec
from actors.core.sources.stored_rows import StoredRows
from actors.core.sources.transforms.mixing import Mixing, mixed
from actors.core.sources.transforms.registry import apply_transforms, for_validation
from actors.core.transform_spec import Draws, TransformSpec


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
    """Sample i is ``length`` entries of an array, beginning at ``i * stride + shift``."""

    length: int
    stride: int
    shift: int = 0


@dataclass(frozen=True)
class SampleView:
    """``sample`` describes the result for one sample. Without a ``window``, sample i is row i of
    the array. An image's only channel is ``repeated`` so many times. Images of the shape ``stored``
    (channels, height, width) pass ``transforms``. ``mixing`` joins two samples into one, both their
    images and their classes."""

    sample: TensorSpec
    scaling: Scaling | None = None
    window: Window | None = None
    repeated: int = 1
    transforms: tuple[TransformSpec, ...] = ()
    stored: tuple[int, ...] = ()
    mixing: Mixing | None = None

    @property
    def transformed_bytes(self) -> int:
        """What an image takes after its transforms, as uint8; 0 if it has none."""
        return math.prod(self.sample.shape) // self.repeated if self.transforms else 0

    def gather(
        self, stored: StoredRows, samples: torch.Tensor | slice, draws: Draws | None = None
    ) -> torch.Tensor:
        """The samples with the indices ``samples``, as they are stored but after the transforms, on
        the device of ``stored``. Random transforms need ``draws``."""
        gathered = self._rows(stored, samples, draws)
        if self.mixing is None:
            return gathered
        assert draws is not None and isinstance(samples, torch.Tensor)
        told = mixed(self.mixing, draws, samples, len(stored))
        others = self._rows(stored, told.partners, draws)
        mix = told.targets if gathered.ndim == 1 else told.images
        return mix(gathered, others)

    def partners(self, draws: Draws, samples: torch.Tensor, num_train: int) -> torch.Tensor:
        """The indices (int64 ``[n]``) of the samples that ``samples`` are mixed with."""
        assert self.mixing is not None
        return mixed(self.mixing, draws, samples, num_train).partners

    def _rows(
        self, stored: StoredRows, samples: torch.Tensor | slice, draws: Draws | None
    ) -> torch.Tensor:
        if self.window is not None:
            own = self.window
            assert isinstance(stored, torch.Tensor), "a text lies in memory"
            stored = stored[own.shift :].unfold(0, own.length, own.stride)
        if isinstance(samples, slice):
            gathered = stored[samples]
        else:
            gathered = stored.index_select(0, samples)  # a tenth of the time that [] takes
        if not self.transforms or not isinstance(stored, torch.Tensor):
            return gathered  # rows that come in blocks were transformed where they were read
        return apply_transforms(self.transforms, gathered, samples, draws)

    def for_validation(self) -> SampleView:
        """The view for validation: windows don't overlap, and no transform is random."""
        window = self.window and replace(self.window, stride=self.window.length)
        transforms = for_validation(self.transforms)
        return replace(self, window=window, transforms=transforms, mixing=None)

    def prepare(self, gathered: torch.Tensor) -> torch.Tensor:
        """Turns gathered samples into a batch of ``sample``, on the same device."""
        if self.mixing is not None and self.scaling is None:
            return gathered  # shares of classes
        if self.scaling is not None:
            gathered = self.scaling.of(gathered)
        if self.repeated != 1:
            gathered = gathered.expand(-1, self.repeated, *gathered.shape[2:]).contiguous()
        return gathered.to(DTYPES[self.sample.dtype]).view(-1, *self.sample.shape)


@dataclass(frozen=True)
class SampleViews:
    """The views of the inputs and of the targets of the same samples."""

    inputs: SampleView
    targets: SampleView

    def for_validation(self) -> SampleViews:
        """In validation windows don't overlap, so each token is a target only once."""
        return SampleViews(self.inputs.for_validation(), self.targets.for_validation())


def window_views(context: int, stride: int) -> SampleViews:
    """Views of ``context`` tokens of a text as inputs, and of the next tokens as targets."""
    sample = TensorSpec((context,), "int64")
    inputs = SampleView(sample, window=Window(context, stride))
    return SampleViews(inputs, SampleView(sample, window=Window(context, stride, shift=1)))


@functools.lru_cache(maxsize=64)
def _tensor(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """A float32 tensor, made once for each device, because copying it takes longer than its use."""
    return torch.tensor(values, device=device)
