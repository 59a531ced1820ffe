"""Pooling over samples [channels, length] and [channels, height, width]."""

from torch import nn

from actors.core.fields import flag, sizes
from actors.core.model.registry import LayerKind, add_kind

for _dims, _max, _mean, _adaptive in (
    (1, nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d),
    (2, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
):
    _window = {
        "kernel_size": sizes(_dims),
        "stride": sizes(_dims, default=None, none=True),
        "padding": sizes(_dims, minimum=0, default=0),
    }
    add_kind(
        LayerKind(
            f"MaxPool{_dims}d",
            "the largest value of each window; stride null is the window's size",
            _max,
            {**_window, "dilation": sizes(_dims, default=1), "ceil_mode": flag(False)},
            ranks=(_dims + 1,),
        )
    )
    add_kind(
        LayerKind(
            f"AvgPool{_dims}d",
            "the mean of each window; stride null is the window's size",
            _mean,
            {**_window, "ceil_mode": flag(False), "count_include_pad": flag(True)},
            ranks=(_dims + 1,),
        )
    )
    add_kind(
        LayerKind(
            f"AdaptiveAvgPool{_dims}d",
            "means of windows, as many as the output has values",
            _adaptive,
            {"output_size": sizes(_dims)},
            ranks=(_dims + 1,),
        )
    )
