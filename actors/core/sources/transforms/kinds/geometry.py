"""Transforms of geometry: sizes, crops, flips and rotations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional as tensors

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, choice, count, number, sizes
from actors.core.sources.transforms.functional import image_functions, interpolation
from actors.core.sources.transforms.registry import (
    Keywords,
    Numbers,
    Shape,
    TransformKind,
    add_transform,
    nothing,
)
from actors.core.transform_spec import TransformSpec

MAX_SIDE = 1024
SIZE = sizes(2, 1, MAX_SIDE)
PROBABILITY = {"p": number(0.0, 1.0, 0.5)}
WAYS = ("nearest", "bilinear")


def pair(low: float, high: float, default: tuple[float, float]) -> Field:
    """A range: two numbers; the first one is not larger."""
    each = number(low, high)

    def check(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise ValueError
        first, second = (each.check(one) for one in value)
        if first > second:
            raise ValueError
        return first, second

    return Field(check, f"[from, to], each {each.says}", default)


def _sides(own: Keywords) -> tuple[int, int]:
    """Height and width. One number stands for both."""
    size = own["size"]
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _resized_shape(where: str, own: Keywords, shape: Shape) -> Shape:
    return (shape[0], *_sides(own))


def _resize(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    resized: torch.Tensor = image_functions().resize_image(image, list(_sides(own)), antialias=True)
    return resized


def _cropped_shape(where: str, own: Keywords, shape: Shape) -> Shape:
    height, width = _sides(own)
    around = 2 * int(own.get("padding", 0))
    if height > shape[1] + around or width > shape[2] + around:
        padded = f" with {around // 2} pixels around them" if around else ""
        raise InvalidRequest(
            f"{where}.size is {[height, width]}, but its images are "
            f"{shape[1]} × {shape[2]}{padded}: use a smaller size"
        )
    return shape[0], height, width


def _center_crop(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    height, width = _sides(own)
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def _random_crop(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    (height, width), padding = _sides(own), own["padding"]
    if padding:
        image = tensors.pad(image, [padding] * 4, value=own["fill"])
    top = int(numbers[0] * (image.shape[1] - height + 1))
    left = int(numbers[1] * (image.shape[2] - width + 1))
    return image[:, top : top + height, left : left + width]


def _padded_center_crop(spec: TransformSpec) -> TransformSpec:
    """Pads with the same fill, because a crop may be larger than the image."""
    return TransformSpec("PaddedCenterCrop", spec.arguments)


def _pad_and_center(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    if own["padding"]:
        image = tensors.pad(image, [own["padding"]] * 4, value=own["fill"])
    return _center_crop(image, own, numbers)


def _random_resized_crop(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    """A random part of the image, with a random share of its area and a random shape, clipped to
    the image."""
    rows, columns = image.shape[1:]
    scale, ratio = own["scale"], own["ratio"]
    area = rows * columns * (scale[0] + numbers[0] * (scale[1] - scale[0]))
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = math.exp(low + numbers[1] * (high - low))
    width = min(columns, max(1, round(math.sqrt(area * aspect))))
    height = min(rows, max(1, round(math.sqrt(area / aspect))))
    top = int(numbers[2] * (rows - height + 1))
    left = int(numbers[3] * (columns - width + 1))
    return _resize(image[:, top : top + height, left : left + width], own, numbers)


def _only_resized(spec: TransformSpec) -> TransformSpec:
    return TransformSpec("Resize", (("size", spec.keywords["size"]),))


def _flip(dimension: int) -> Any:
    def flip(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
        return image.flip(dimension) if numbers[0] < own["p"] else image

    return flip


def _rotate(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    angle = own["degrees"] * (2.0 * numbers[0] - 1.0)
    way = interpolation(own["interpolation"])
    rotated: torch.Tensor = image_functions().rotate_image(
        image, angle, interpolation=way, fill=own["fill"]
    )
    return rotated


def _draws(number_of_them: int) -> Any:
    return lambda own: number_of_them


FILL = count(0, 255, 0)
PADDED = {"size": SIZE, "padding": count(0, MAX_SIDE, 0), "fill": FILL}
KINDS = (
    TransformKind(
        "Resize", "to [height, width], bilinear", _resize, {"size": SIZE}, _resized_shape
    ),
    TransformKind(
        "CenterCrop", "the middle of the image", _center_crop, {"size": SIZE}, _cropped_shape
    ),
    TransformKind(
        "PaddedCenterCrop",
        "the middle of the image with pixels around it: RandomCrop's part in validation",
        _pad_and_center,
        PADDED,
        _cropped_shape,
    ),
    TransformKind(
        "RandomCrop",
        "a part of the image, which may have pixels around it; its middle in validation",
        _random_crop,
        PADDED,
        _cropped_shape,
        _draws(2),
        _padded_center_crop,
    ),
    TransformKind(
        "RandomResizedCrop",
        "a part of the image of random size and shape, resized; all of it in validation",
        _random_resized_crop,
        {
            "size": SIZE,
            "scale": pair(0.0001, 1.0, (0.08, 1.0)),
            "ratio": pair(0.01, 100.0, (3 / 4, 4 / 3)),
        },
        _resized_shape,
        _draws(4),
        _only_resized,
    ),
    TransformKind(
        "RandomHorizontalFlip",
        "left for right, of a share p of the samples",
        _flip(-1),
        PROBABILITY,
        num_draws=_draws(1),
        in_validation=nothing,
    ),
    TransformKind(
        "RandomVerticalFlip",
        "top for bottom, of a share p of the samples",
        _flip(-2),
        PROBABILITY,
        num_draws=_draws(1),
        in_validation=nothing,
    ),
    TransformKind(
        "RandomRotation",
        "by an angle of at most so many degrees, either way",
        _rotate,
        {
            "degrees": number(0.0, 180.0),
            "interpolation": choice(WAYS, "nearest"),
            "fill": FILL,
        },
        num_draws=_draws(1),
        in_validation=nothing,
    ),
)
for own in KINDS:
    add_transform(own)
