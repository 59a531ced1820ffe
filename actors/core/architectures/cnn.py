"""Stages of a convolution, a norm, ReLU and pooling, and linear layers behind them."""

from __future__ import annotations

from typing import Any

from actors.core.architectures.registry import Architecture, Ends, Layers, add_architecture
from actors.core.fields import choice, count, counts, number, optional

GROUPS = 8


def _norm(norm: str, channels: int) -> list[dict[str, Any]]:
    if norm == "batch":
        return [{"type": "BatchNorm2d"}]
    groups = next(n for n in range(min(GROUPS, channels), 0, -1) if channels % n == 0)
    return [{"type": "GroupNorm", "num_groups": groups}] if norm == "group" else []


def _expand(
    channels: tuple[int, ...],
    kernel_size: int,
    norm: str,
    hidden: int | None,
    dropout: float,
    ends: Ends,
) -> Layers:
    layers: Layers = []
    for size in channels:
        convolution = {"type": "Conv2d", "out_channels": size, "kernel_size": kernel_size}
        layers.append({**convolution, "padding": "same"})
        layers += _norm(norm, size)
        layers += [{"type": "ReLU"}, {"type": "MaxPool2d", "kernel_size": 2}]
    layers.append({"type": "Flatten"})
    if hidden is not None:
        layers += [{"type": "Linear", "out_features": hidden}, {"type": "ReLU"}]
    if dropout > 0:
        layers.append({"type": "Dropout", "p": dropout})
    return [*layers, {"type": "Linear", "out_features": ends.outputs.shape[0]}]


add_architecture(
    Architecture(
        "cnn",
        "stages of convolution, norm, ReLU and pooling that halves height and width, then linear "
        "layers, on images [channels, height, width]",
        _expand,
        {
            "channels": counts(1, 65_536, 64, (32, 64), fewest=1),
            "kernel_size": count(1, 99, 3),
            "norm": choice(("batch", "group", "none"), "batch"),
            "hidden": optional(count(), 128),
            "dropout": number(0.0, 1.0, 0.0, below=True),
        },
        ranks=(3,),
    )
)
