"""Layers that are a matrix or a table."""

from torch import nn

from actors.core.fields import count, flag
from actors.core.model.following import following
from actors.core.model.model_spec import TensorSpec
from actors.core.model.registry import LayerKind, add_kind


def last_size(before: TensorSpec) -> int:
    """The size of a sample's last dimension."""
    return before.shape[-1]


add_kind(
    LayerKind(
        "Linear",
        "y = x Wᵀ + b over the last dimension",
        nn.Linear,
        {"in_features": following(last_size), "out_features": count(), "bias": flag(True)},
        ranks=(1, 2, 3),
    )
)
add_kind(
    LayerKind(
        "Embedding",
        "a row of a table for each whole number",
        nn.Embedding,
        {"num_embeddings": count(), "embedding_dim": count()},
        takes="int64",
    )
)
