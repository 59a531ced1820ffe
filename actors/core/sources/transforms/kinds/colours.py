"""Transforms of colours: brightness, contrast, saturation, hue, and RandAugment's list."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from actors.core.errors import InvalidRequest
from actors.core.fields import choice, count, number
from actors.core.sources.transforms.functional import image_functions, interpolation
from actors.core.sources.transforms.registry import (
    Keywords,
    Numbers,
    Shape,
    TransformKind,
    add_transform,
    nothing,
)

PARTS = ("brightness", "contrast", "saturation", "hue")
ORDERS = tuple(itertools.permutations(range(len(PARTS))))
MAX_MAGNITUDE = 30
MAX_SHIFT_SHARE = 150.0 / 331.0
"""The share of a side, from RandAugment's authors (Cubuk et al. 2019)."""
SHAPED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
TONED = ("Brightness", "Color", "Contrast", "Sharpness")
CHANGES = ("Identity", *SHAPED, *TONED, "Posterize", "Solarize", "AutoContrast", "Equalize")
COLOURED = (1, 3)
"""The numbers of channels that torchvision knows the colours of."""


def _of_colours(where: str, own: Keywords, shape: Shape) -> Shape:
    if shape[0] not in COLOURED:
        raise InvalidRequest(
            f"{where} changes colours, but its images have {shape[0]} channels: leave it out, or "
            "give it grey images (1 channel) or colours (3)"
        )
    return shape


def _jitter(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    """Applies the parts in a random order."""
    adjust = image_functions()
    for index in ORDERS[int(numbers[-1] * len(ORDERS))]:
        part, drawn = PARTS[index], 2.0 * numbers[index] - 1.0
        if not own[part]:
            continue
        if part == "hue":
            image = adjust.adjust_hue_image(image, own[part] * drawn)
        else:
            low = max(0.0, 1.0 - own[part])
            factor = low + numbers[index] * (1.0 + own[part] - low)
            image = getattr(adjust, f"adjust_{part}_image")(image, factor)
    return image


def _rand_augment(image: torch.Tensor, own: Keywords, numbers: Numbers) -> torch.Tensor:
    """``num_ops`` random changes from the list, one after the other, each as strong as
    ``magnitude`` says."""
    share = own["magnitude"] / MAX_MAGNITUDE
    for step in range(own["num_ops"]):
        which, sign = numbers[2 * step : 2 * step + 2]
        change = CHANGES[int(which * len(CHANGES))]
        image = _changed(image, change, share, -1.0 if sign < 0.5 else 1.0, own)
    return image


def _changed(
    image: torch.Tensor, change: str, share: float, sign: float, own: Keywords
) -> torch.Tensor:
    """Scales the strength of each change like ``torchvision.transforms.v2.RandAugment``."""
    if change in SHAPED:
        return _shaped(image, change, share, sign, own)
    adjust = image_functions()
    if change in TONED:
        names = {"Brightness": "brightness", "Color": "saturation", "Contrast": "contrast"}
        name = names.get(change, "sharpness")
        toned: torch.Tensor = getattr(adjust, f"adjust_{name}_image")(image, 1 + sign * 0.9 * share)
        return toned
    others: dict[str, Callable[[], torch.Tensor]] = {
        "Identity": lambda: image,
        "Posterize": lambda: adjust.posterize_image(image, 8 - round(4 * share)),
        "Solarize": lambda: adjust.solarize_image(image, threshold=255.0 * (1.0 - share)),
        "AutoContrast": lambda: adjust.autocontrast_image(image),
        "Equalize": lambda: adjust.equalize_image(image),
    }
    return others[change]()


def _shaped(
    image: torch.Tensor, change: str, share: float, sign: float, own: Keywords
) -> torch.Tensor:
    height, width = image.shape[1:]
    way = {"interpolation": interpolation(own["interpolation"]), "fill": own["fill"]}
    if change == "Rotate":
        rotated: torch.Tensor = image_functions().rotate_image(image, sign * 30.0 * share, **way)
        return rotated
    shift: dict[str, Any] = {"translate": [0, 0], "shear": [0.0, 0.0], "center": None}
    along = 0 if change.endswith("X") else 1
    if change.startswith("Shear"):
        shift["shear"][along] = float(torch.tensor(sign * 0.3 * share).atan().rad2deg())
        shift["center"] = [0, 0]
    else:
        side = width if along == 0 else height
        shift["translate"][along] = int(sign * MAX_SHIFT_SHARE * side * share)
    moved: torch.Tensor = image_functions().affine_image(
        image, angle=0.0, scale=1.0, **shift, **way
    )
    return moved


add_transform(
    TransformKind(
        "ColorJitter",
        "brightness, contrast, saturation and hue, each by at most so much, either way",
        _jitter,
        {
            "brightness": number(0.0, 10.0, 0.0),
            "contrast": number(0.0, 10.0, 0.0),
            "saturation": number(0.0, 10.0, 0.0),
            "hue": number(0.0, 0.5, 0.0),
        },
        _of_colours,
        num_draws=lambda own: len(PARTS) + 1,
        in_validation=nothing,
    )
)
add_transform(
    TransformKind(
        "RandAugment",
        "a few changes of shape or colour, drawn from a list of fourteen",
        _rand_augment,
        {
            "num_ops": count(1, 10, 2),
            "magnitude": count(0, MAX_MAGNITUDE, 9),
            "interpolation": choice(("nearest", "bilinear"), "nearest"),
            "fill": count(0, 255, 0),
        },
        _of_colours,
        num_draws=lambda own: 2 * own["num_ops"],
        in_validation=nothing,
    )
)
