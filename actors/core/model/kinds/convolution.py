"""Convolutions over samples [channels, length] and [channels, height, width]."""

from torch import nn

from actors.core.fields import Field, choice, count, flag, sizes
from actors.core.model.following import following
from actors.core.model.model_spec import TensorSpec
from actors.core.model.registry import LayerKind, add_kind


def channels(before: TensorSpec) -> int:
    """The size of a sample's first dimension."""
    return before.shape[0]


def _convolution(dims: int) -> dict[str, Field]:
    return {
        "in_channels": following(channels),
        "out_channels": count(),
        "kernel_size": sizes(dims),
        "stride": sizes(dims, default=1),
        "padding": sizes(dims, minimum=0, default=0, words=("same", "valid")),
        "dilation": sizes(dims, default=1),
        "groups": count(default=1),
        "bias": flag(True),
        "padding_mode": choice(("zeros", "reflect", "replicate", "circular"), "zeros"),
    }


for _dims, _made in ((1, nn.Conv1d), (2, nn.Conv2d)):
    add_kind(
        LayerKind(
            _made.__name__,
            f"convolution over {_dims} dimension{'s' if _dims > 1 else ''}",
            _made,
            _convolution(_dims),
            ranks=(_dims + 1,),
        )
    )
add_kind(
    LayerKind(
        "ConvTranspose2d",
        "transposed convolution over 2 dimensions",
        nn.ConvTranspose2d,
        {
            "in_channels": following(channels),
            "out_channels": count(),
            "kernel_size": sizes(2),
            "stride": sizes(2, default=1),
            "padding": sizes(2, minimum=0, default=0),
            "output_padding": sizes(2, minimum=0, default=0),
            "groups": count(default=1),
            "bias": flag(True),
            "dilation": sizes(2, default=1),
        },
        ranks=(3,),
    )
)
