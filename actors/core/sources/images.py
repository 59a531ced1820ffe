"""What all sources of images share: size, channels and scaling."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, count
from actors.core.folders import Folders
from actors.core.input_form import MAX_PIXEL
from actors.core.model.model_spec import TensorSpec
from actors.core.rows.row_reader import Array
from actors.core.sources.download import Download
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split, fingerprint
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.transforms.mixing import Mixing
from actors.core.sources.transforms.registry import (
    TRANSFORMS,
    parse_transforms,
    transformed_shape,
)
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.transform_spec import TransformSpec

MAX_PIXELS_A_SIDE = 512
TRANSFORM = f"{WHERE}.transform"
MAX_CHANNELS = 64
FILES_REMEDY = "Put the right files in their place, or delete them and they are downloaded"


def resize_field() -> Field:
    """The field for the images' height and width; null leaves them unchanged."""

    def check(value: Any) -> tuple[int, int]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise ValueError
        if not all(type(own) is int and 1 <= own <= MAX_PIXELS_A_SIDE for own in value):
            raise ValueError
        return value[0], value[1]

    says = f"[height, width], two whole numbers from 1 to {MAX_PIXELS_A_SIDE}"
    return Field(check, says, None)


def normalize_field() -> Field:
    """The field ``{"mean": [...], "std": [...]}`` for pixels on 0..1. It is kept as one tuple: the
    means of all channels, then their standard deviations. Null means the data's own."""

    def check(value: Any) -> tuple[float, ...]:
        if not isinstance(value, Mapping) or value.keys() != {"mean", "std"}:
            raise ValueError
        mean, std = (_numbers(value[name]) for name in ("mean", "std"))
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError
        return (*mean, *std)

    says = (
        'an object {"mean": […], "std": […]} with a number for each channel, for pixels on 0 to '
        "1; std above 0"
    )
    return Field(check, says, None)


def transform_field() -> Field:
    """The field for transforms, which are made each time that an image is used."""
    says = (
        'a list of objects with a type and torchvision\'s arguments, such as {"type": '
        '"RandomHorizontalFlip", "p": 0.5}'
    )
    return Field(lambda value: parse_transforms(TRANSFORM, value), says, ())


IMAGE_FIELDS: Mapping[str, Field] = {
    "resize": resize_field(),
    "normalize": normalize_field(),
    "channels": count(1, MAX_CHANNELS, None),
    "transform": transform_field(),
}
IMAGE_VIEW_FIELDS = frozenset({"normalize", "channels", "transform"})


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_CHANNELS:
        raise ValueError
    for own in value:
        if isinstance(own, bool) or not isinstance(own, int | float) or not abs(own) < 1e30:
            raise ValueError
    return tuple(float(own) for own in value)


def image_facts(
    shape: tuple[int, int, int],
) -> Callable[[SourceSpec, Found], SourceFacts]:
    """Facts of labelled images of ``shape`` (channels, height, width) as they are stored."""

    def facts(spec: SourceSpec, found: Found) -> SourceFacts:
        own = spec.keywords
        channels, *size = shape
        repeated = _repeated(own["channels"], channels, spec.name)
        height, width = own["resize"] or size
        scaling = image_scaling(own["normalize"], found, spec.name, channels)
        stored = (channels, height, width)
        return SourceFacts(
            spec.name,
            image_views(own["transform"], stored, scaling, found.num_classes, repeated),
            found.num_classes,
            found.num_train,
            found.num_val,
            "classification",
        )

    return facts


def image_views(
    transforms: tuple[TransformSpec, ...],
    stored: tuple[int, int, int],
    scaling: Scaling,
    num_classes: int | None,
    repeated: int = 1,
) -> SampleViews:
    """Views of images of the shape ``stored`` and of their classes. Raises ``InvalidRequest`` if a
    transform does not fit them."""
    channels, height, width = transformed_shape(TRANSFORM, transforms, stored)
    sample = TensorSpec((channels * repeated, height, width))
    if not transforms:
        return SampleViews(SampleView(sample, scaling, repeated=repeated), CLASS)
    mixing = None
    if transforms and TRANSFORMS[transforms[-1].kind].mixes:
        assert num_classes is not None, "images have classes"
        *alone, last = transforms
        mixing = Mixing(last.kind, last.keywords["alpha"], height, width, num_classes)
        transforms = tuple(alone)
    view = SampleView(sample, scaling, None, repeated, transforms, stored, mixing)
    return SampleViews(view, replace(CLASS, mixing=mixing))


def _repeated(asked: int | None, channels: int, name: str) -> int:
    """How often to repeat the only channel of an image."""
    if asked in (None, channels):
        return 1
    if channels != 1 or asked is None:
        raise InvalidRequest(
            f"{WHERE}.channels is {asked}, but images of {name} have {channels} channels: only "
            "images of one channel can be made to have more"
        )
    return asked


def image_scaling(
    normalize: tuple[float, ...] | None, found: Found, name: str, channels: int
) -> Scaling:
    """The scaling for ``normalize_field``'s tuple. Raises ``InvalidRequest`` if the images have
    another number of channels."""
    if normalize is None:
        return Scaling(found.mean, found.std, float(MAX_PIXEL))
    count = len(normalize) // 2
    if count != channels:
        raise InvalidRequest(
            f"{WHERE}.normalize.mean has {count} numbers, but images of {name} have {channels} "
            f"{'channel' if channels == 1 else 'channels'}: give mean and std one number for each"
        )
    return Scaling(normalize[:count], normalize[count:], float(MAX_PIXEL))


@dataclass(frozen=True)
class ImageFiles:
    """A data set of labelled images in files under the data folder.

    ``read`` turns the files into the samples for training and validation. ``found`` describes the
    complete set. If it is None, only reading tells, and ``num_classes`` is given here.
    """

    name: str
    says: str
    shape: tuple[int, int, int]
    found: Found | None
    files: Callable[[Path], tuple[Path, ...]]
    read: Callable[[tuple[Path, ...]], tuple[Split, Split]]
    download: Download
    num_classes: int | None = None

    def add(self) -> None:
        """Adds it to the registry."""
        add_source(
            SourceKind(
                self.name,
                self.says,
                self._read,
                image_facts(self.shape),
                lambda spec, folders: self.found,
                lambda spec, folders: self.files(folders.data),
                lambda spec, folders: self._fetch(folders.data),
                IMAGE_FIELDS,
                IMAGE_VIEW_FIELDS,
                FILES_REMEDY,
            )
        )

    def _fetch(self, data: Path) -> None:
        files = self.files(data)
        missing = [path for path in files if not os.path.lexists(path)]
        if missing:
            self.download.fetch(data, files, missing)

    def _read(self, spec: SourceSpec, folders: Folders) -> Samples:
        train, val = self.read(self.files(folders.data))
        if self.found is None:
            mean, std = channel_statistics(train.inputs)
            found = Found(len(train.inputs), len(val.inputs), self.num_classes, mean, std)
        else:
            num_train, num_val = len(train.inputs), len(val.inputs)
            found = replace(self.found, num_train=num_train, num_val=num_val)
        return image_samples(spec, train, val, found)


def channel_statistics(images: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, for pixels on 0..1. Exact, because it counts the
    256 values."""
    levels = np.arange(256) / float(MAX_PIXEL)
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].reshape(-1), minlength=256)
        mean = float((counts * levels).sum() / max(1, counts.sum()))
        variance = float((counts * (levels - mean) ** 2).sum() / max(1, counts.sum()))
        means.append(mean)
        stds.append(math.sqrt(variance) or 1.0)
    return tuple(means), tuple(stds)


def image_samples(spec: SourceSpec, train: Split, val: Split, found: Found) -> Samples:
    """The images in the requested size. The fingerprint is that of the stored images."""
    size = spec.keywords["resize"]
    sized = [replace(split, inputs=_resized(split.inputs, size)) for split in (train, val)]
    return Samples(sized[0], sized[1], found, fingerprint(train, val))


def _resized(images: Array, size: tuple[int, int] | None) -> Array:
    """Bilinear with antialiasing, uint8 in and out."""
    if size is None or size == images.shape[2:]:
        return images
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    resized = functional.interpolate(tensor, list(size), mode="bilinear", antialias=True)
    array: Array = resized.numpy()
    return array
