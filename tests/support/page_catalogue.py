"""What a page's jobs are made of, and what its form offers."""

from __future__ import annotations

from typing import Any


def field(values: str, default: Any = None, required: bool = False) -> dict[str, Any]:
    """One of a source's or an architecture's."""
    return {"values": values, "required": required, "default": default}


SOURCES = [
    {
        "name": "digits",
        "asked_by": "name",
        "about": "1,797 images of 8 x 8 handwritten digits, which come with scikit-learn",
        "fields": {"resize": field("a list of 2 whole numbers, or null")},
    },
    {
        "name": "image_folder",
        "asked_by": "format",
        "about": "a folder with a folder of images for each class",
        "fields": {
            "path": field("a path in data_dir or in data_roots", required=True),
            "color": field("one of 'rgb', 'grayscale'", "rgb"),
        },
    },
    {
        "name": "text",
        "asked_by": "format",
        "about": "a text file, by its characters",
        "fields": {
            "path": field("a path in data_dir or in data_roots", required=True),
            "context": field("a whole number from 1 to 4,096", 64),
        },
    },
]
ARCHITECTURES = [
    {
        "architecture": "cnn",
        "about": "convolutions, then linear layers",
        "takes": "float32",
        "ranks": [3],
        "fields": {"hidden": field("a whole number from 1 to 65,536", 128)},
    },
    {
        "architecture": "gpt",
        "about": "a decoder that tells the next token",
        "takes": "int64",
        "ranks": [1],
        "fields": {
            "embed_dim": field("a whole number from 1 to 8,192", 128),
            "depth": field("a whole number from 1 to 100", 4),
            "num_heads": field("a whole number from 1 to 100", 4),
        },
    },
]
LAYERS = [
    {"type": "Conv2d", "in_channels": 1, "out_channels": 32, "kernel_size": 3},
    {"type": "BatchNorm2d", "num_features": 32},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Conv2d", "in_channels": 32, "out_channels": 64, "kernel_size": 3},
    {"type": "BatchNorm2d", "num_features": 64},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Flatten"},
    {"type": "Linear", "in_features": 3136, "out_features": 128},
    {"type": "ReLU"},
    {"type": "Linear", "in_features": 128, "out_features": 10},
]
