"""Layers made of layers. A container is one block: it is not cut."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actors.core.model.registry import LayerKind, add_kind


class Residual(nn.Sequential):
    """x + f(x), with the layers inside as f; their output has the shape of their input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]
        if outputs.shape != inputs.shape:
            raise ValueError(
                f"its layers give {list(outputs.shape[1:])} for {list(inputs.shape[1:])}: the two "
                "are added, so they must be alike"
            )
        total: torch.Tensor = inputs + outputs
        return total


def _residual(layers: Sequence[nn.Module]) -> nn.Module:
    return Residual(*layers)


def _sequential(layers: Sequence[nn.Module]) -> nn.Module:
    return nn.Sequential(*layers)


add_kind(LayerKind("Residual", "x + its layers of x", _residual, is_container=True, takes="any"))
add_kind(
    LayerKind(
        "Sequential", "its layers in their order", _sequential, is_container=True, takes="any"
    )
)
