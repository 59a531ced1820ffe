"""Layers made of layers. A container is one block: it is not cut."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actors.core.model.model_spec import TensorSpec
from actors.core.model.registry import LayerKind, add_kind


class Residual(nn.Sequential):
    """x + f(x), with the layers inside as f; their output has the shape of their input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]
        total: torch.Tensor = inputs + outputs
        return total


def _residual(layers: Sequence[nn.Module]) -> nn.Module:
    return Residual(*layers)


def _sequential(layers: Sequence[nn.Module]) -> nn.Module:
    return nn.Sequential(*layers)


def _sum(inputs: TensorSpec, inside: TensorSpec) -> TensorSpec:
    if inside != inputs:
        raise ValueError(
            f"its layers give {inside.text} for {inputs.text}: the two are added, so they must be "
            "alike"
        )
    if inputs.dtype != "float32":
        raise ValueError("numbers can be added, tokens can't: put an Embedding before it")
    return inputs


add_kind(
    LayerKind(
        "Residual", "adds its input to the result of its layers", _residual, takes="any", gives=_sum
    ),
)
add_kind(
    LayerKind(
        "Sequential",
        "its layers in their order",
        _sequential,
        takes="any",
        gives=lambda inputs, inside: inside,
    )
)
