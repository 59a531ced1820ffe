"""Layers that only change a tensor's shape."""

from torch import nn

from actors.core.fields import count, shape
from actors.core.model.registry import LayerKind, add_kind

add_kind(
    LayerKind(
        "Flatten",
        "makes one dimension of several; the batch is dimension 0",
        nn.Flatten,
        {"start_dim": count(1, 8, 1), "end_dim": count(-8, 8, -1)},
        takes="any",
    )
)
add_kind(
    LayerKind(
        "Unflatten",
        "makes several dimensions of one; the batch is dimension 0",
        nn.Unflatten,
        {"dim": count(1, 8, 1), "unflattened_size": shape()},
        takes="any",
    )
)
