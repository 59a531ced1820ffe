"""Functions of each value, and dropout."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from actors.core.fields import choice, count, number
from actors.core.model.registry import LayerKind, add_kind


def drops(arguments: Mapping[str, Any]) -> bool:
    """Whether a layer with these arguments draws what to drop."""
    return float(arguments.get("p", arguments.get("dropout", 0.0))) > 0.0


class Softmax(nn.Softmax):
    """PyTorch's, for each sample by itself."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        assert self.dim is not None
        if self.dim in (0, -input.ndim):
            raise ValueError(
                "dim is that of the batch, but each sample needs its own result: use another one"
            )
        return super().forward(input)


for _made in (nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid):
    add_kind(LayerKind(_made.__name__, "of each value", _made))
add_kind(
    LayerKind("GELU", "of each value", nn.GELU, {"approximate": choice(("none", "tanh"), "none")})
)
add_kind(
    LayerKind(
        "LeakyReLU", "of each value", nn.LeakyReLU, {"negative_slope": number(0.0, 1.0, 0.01)}
    )
)
add_kind(
    LayerKind(
        "Softmax",
        "over one dimension; the batch is dimension 0",
        Softmax,
        {"dim": count(-8, 8, -1)},
    )
)
add_kind(
    LayerKind(
        "Dropout",
        "sets values to 0 with probability p while it trains",
        nn.Dropout,
        {"p": number(0.0, 1.0, 0.5, below=True)},
        draws=drops,
    )
)
