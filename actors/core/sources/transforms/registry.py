"""The registry of the kinds of transforms. A new kind adds one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, check_fields, did_you_mean, shown_value
from actors.core.sources.transforms.uniforms import uniforms
from actors.core.transform_spec import Draws, TransformSpec

MAX_TRANSFORMS = 32
Shape = tuple[int, int, int]
"""Channels, height, width."""
Keywords = Mapping[str, Any]
Numbers = Sequence[float]
"""The random numbers for one image, each from 0 up to but not including 1."""


def _same_shape(where: str, own: Keywords, shape: Shape) -> Shape:
    return shape


def _no_draws(own: Keywords) -> int:
    return 0


def _itself(spec: TransformSpec) -> TransformSpec | None:
    return spec


def nothing(spec: TransformSpec) -> TransformSpec | None:
    """For a transform that validation leaves out."""
    return None


@dataclass(frozen=True)
class TransformKind:
    """A kind of transform, with torchvision's name.

    ``apply`` turns a uint8 image ``[channels, height, width]`` into another one. It gets
    ``num_draws`` random numbers and must use no others. ``shape`` returns the new image's shape.
    Its first argument names the transform in the ``InvalidRequest`` that it raises if the images
    don't fit. ``in_validation`` replaces the transform in validation, where nothing is random. A
    kind that ``mixes`` two samples is not applied to single images, and comes last.
    """

    name: str
    says: str
    apply: Callable[[torch.Tensor, Keywords, Numbers], torch.Tensor]
    fields: Mapping[str, Field] = field(default_factory=dict)
    shape: Callable[[str, Keywords, Shape], Shape] = _same_shape
    num_draws: Callable[[Keywords], int] = _no_draws
    in_validation: Callable[[TransformSpec], TransformSpec | None] = _itself
    mixes: bool = False


TRANSFORMS: dict[str, TransformKind] = {}
"""The kinds by name. The modules of ``actors.core.sources.transforms.kinds`` fill it."""


def add_transform(kind: TransformKind) -> None:
    """Adds a kind. Its name must be new."""
    assert kind.name not in TRANSFORMS, f"there is a transform {kind.name} already"
    TRANSFORMS[kind.name] = kind


def parse_transforms(where: str, given: Any) -> tuple[TransformSpec, ...]:
    """Parses a list of objects, each with a ``type`` and arguments. Raises ``InvalidRequest``."""
    if not isinstance(given, list | tuple) or len(given) > MAX_TRANSFORMS:
        raise InvalidRequest(
            f"{where} is {shown_value(given)}, but must be a list of at most {MAX_TRANSFORMS} "
            'objects, such as {"type": "RandomHorizontalFlip"}'
        )
    transforms = tuple(_parse(f"{where}[{i}]", own) for i, own in enumerate(given))
    for i, own in enumerate(transforms[:-1]):
        if TRANSFORMS[own.kind].mixes:
            raise InvalidRequest(
                f"{where}[{i}].type is {own.kind!r}, which mixes two samples and comes last: put "
                "it at the end of the list"
            )
    return transforms


def _parse(where: str, given: Any) -> TransformSpec:
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise InvalidRequest(
            f"{where} is {shown_value(given)}, but must be an object with a type, one of "
            f"{', '.join(TRANSFORMS)}"
        )
    name = given["type"]
    if name not in TRANSFORMS:
        raise InvalidRequest(
            f"{where}.type is {shown_value(name)}, but must be one of "
            f"{', '.join(TRANSFORMS)}{did_you_mean(name, TRANSFORMS)}"
        )
    arguments = {n: v for n, v in given.items() if n != "type"}
    return TransformSpec(
        name, tuple(check_fields(where, name, TRANSFORMS[name].fields, arguments).items())
    )


def transformed_shape(where: str, transforms: Sequence[TransformSpec], shape: Shape) -> Shape:
    """The shape after the transforms of images of ``shape``. Raises ``InvalidRequest``."""
    for i, own in enumerate(transforms):
        shape = TRANSFORMS[own.kind].shape(f"{where}[{i}]", own.keywords, shape)
    return shape


def is_random(transforms: Sequence[TransformSpec]) -> bool:
    """True if one of them is random."""
    return any(TRANSFORMS[own.kind].num_draws(own.keywords) for own in transforms)


def for_validation(transforms: Sequence[TransformSpec]) -> tuple[TransformSpec, ...]:
    """The transforms for validation: none is random, and images get the same shape."""
    told = (TRANSFORMS[own.kind].in_validation(own) for own in transforms)
    return tuple(own for own in told if own is not None)


def apply_transforms(
    transforms: Sequence[TransformSpec],
    images: torch.Tensor,
    samples: torch.Tensor | slice,
    draws: Draws | None,
) -> torch.Tensor:
    """Transforms uint8 images ``[n, channels, height, width]`` one by one, so that a sample's
    bits don't depend on its batch. ``samples`` are their indices. Without ``draws`` no transform
    may be random."""
    counts = [TRANSFORMS[own.kind].num_draws(own.keywords) for own in transforms]
    if draws is None or not isinstance(samples, torch.Tensor):
        assert not any(counts), "random transforms are for training samples"
        numbers = np.zeros((len(images), 0))
    else:
        numbers = uniforms(draws, samples.numpy(), sum(counts))
    stops = np.cumsum(counts).tolist()
    steps = [
        (TRANSFORMS[own.kind].apply, own.keywords, slice(stop - count, stop))
        for own, count, stop in zip(transforms, counts, stops, strict=True)
    ]
    told = []
    for image, own_numbers in zip(images, numbers.tolist(), strict=True):
        for apply, keywords, own in steps:
            image = apply(image, keywords, own_numbers[own])
        told.append(image)
    return torch.stack(told)
