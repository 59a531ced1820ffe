"""Normalisation. Batch norm sees microbatches: each of them updates its statistics, in order."""

from torch import nn

from actors.core.fields import Field, count, flag, number
from actors.core.model.following import following
from actors.core.model.kinds.convolution import channels
from actors.core.model.kinds.dense import last_size
from actors.core.model.registry import LayerKind, add_kind

EPS = number(0.0, 1.0, 1e-5, above=True)


def _batch_norm() -> dict[str, Field]:
    return {
        "num_features": following(channels),
        "eps": EPS,
        "momentum": number(0.0, 1.0, 0.1),
        "affine": flag(True),
        "track_running_stats": flag(True),
    }


add_kind(LayerKind("BatchNorm1d", "over the batch", nn.BatchNorm1d, _batch_norm(), ranks=(1, 2)))
add_kind(LayerKind("BatchNorm2d", "over the batch", nn.BatchNorm2d, _batch_norm(), ranks=(3,)))
add_kind(
    LayerKind(
        "LayerNorm",
        "over the last dimension",
        nn.LayerNorm,
        {
            "normalized_shape": following(last_size),
            "eps": EPS,
            "elementwise_affine": flag(True),
            "bias": flag(True),
        },
    )
)
add_kind(
    LayerKind(
        "RMSNorm",
        "by the root mean square of the last dimension",
        nn.RMSNorm,
        {
            "normalized_shape": following(last_size),
            "eps": EPS,
            "elementwise_affine": flag(True),
        },
    )
)
add_kind(
    LayerKind(
        "GroupNorm",
        "over groups of channels",
        nn.GroupNorm,
        {
            "num_groups": count(),
            "num_channels": following(channels),
            "eps": EPS,
            "affine": flag(True),
        },
    )
)
