"""Layers that are a matrix or a table."""

from __future__ import annotations

from torch import nn

from actors.core.fields import count, flag, number, optional
from actors.core.model.following import following
from actors.core.model.model_spec import TensorSpec
from actors.core.model.registry import LayerKind, add_kind

INIT_STD = optional(number(0.0, 10.0, above=True))
"""Weights are drawn from N(0, init_std) and biases are 0; null means PyTorch's own
initialisation."""


def last_size(before: TensorSpec) -> int:
    """The size of a sample's last dimension."""
    return before.shape[-1]


def draw_normal(layer: nn.Linear | nn.Embedding, std: float | None) -> None:
    """Draws the weights again, unless ``std`` is None."""
    if std is None:
        return
    nn.init.normal_(layer.weight, std=std)
    if isinstance(layer, nn.Linear) and layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _linear(
    in_features: int, out_features: int, bias: bool, init_std: float | None = None
) -> nn.Linear:
    made = nn.Linear(in_features, out_features, bias)
    draw_normal(made, init_std)
    return made


def _embedding(
    num_embeddings: int, embedding_dim: int, init_std: float | None = None
) -> nn.Embedding:
    made = nn.Embedding(num_embeddings, embedding_dim)
    draw_normal(made, init_std)
    return made


add_kind(
    LayerKind(
        "Linear",
        "y = x Wᵀ + b over the last dimension",
        _linear,
        {
            "in_features": following(last_size),
            "out_features": count(),
            "bias": flag(True),
            "init_std": INIT_STD,
        },
        ranks=(1, 2, 3),
    )
)
add_kind(
    LayerKind(
        "Embedding",
        "a row of a table for each whole number",
        _embedding,
        {"num_embeddings": count(), "embedding_dim": count(), "init_std": INIT_STD},
        takes="int64",
        num_tokens=lambda arguments: int(arguments["num_embeddings"]),
    )
)
