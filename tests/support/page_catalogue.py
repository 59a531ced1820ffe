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
        "name": "MNIST",
        "asked_by": "name",
        "about": "60,000 images of 28 x 28 handwritten digits",
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
        "name": "csv",
        "asked_by": "format",
        "about": "a table: some columns are inputs, one is the target",
        "fields": {
            "path": field("a path in data_dir or in data_roots", required=True),
            "target": field("the name of a column", required=True),
            "delimiter": field("one character", ","),
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


def inspect_dataset(**_: Any) -> dict[str, Any]:
    """What the digits are."""
    return {
        "data": "digits",
        "num_train": 1_438,
        "num_val": 359,
        "inputs": {"shape": [1, 28, 28], "dtype": "float32", "kind": "pixels"},
        "task": "classification",
        "num_classes": 10,
        "classes": [{"name": str(i), "num_train": 144, "num_val": 36} for i in range(10)],
        "columns": [],
        "num_columns": 0,
        "num_skipped": 0,
        "skipped": [],
        "examples": [{"place": None, "input": [0, 12, 200], "target": "7"}],
        "fingerprint": "5f0c2e",
        "suggested": {
            "model_config": {"architecture": "cnn"},
            "train_config": {"epochs": 50, "optimizer": "AdamW", "learning_rate": 0.002},
            "batch_size": 64,
        },
    }


def upload_dataset(name: str, format: str | None, **_: Any) -> dict[str, Any]:
    """It holds digits, whatever was sent."""
    return {
        "name": name,
        "dataset_config": {"format": format or "image_folder", "path": "."},
        "num_files": 90,
        "num_bytes": 4_000_000,
        "jobs": [],
        "understood": inspect_dataset(),
    }
