"""Models for samples of 8 x 8 pixels and 10 classes: convolutions with norms, and attention."""

from __future__ import annotations

from typing import Any

from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.model.parse import parse_layers

CNN_LAYERS: list[dict[str, Any]] = [
    {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": "same"},
    {"type": "BatchNorm2d"},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Dropout", "p": 0.2},
    {
        "type": "Residual",
        "layers": [
            {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
            {"type": "GroupNorm", "num_groups": 2},
            {"type": "GELU"},
        ],
    },
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10},
]
TRANSFORMER_LAYERS: list[dict[str, Any]] = [
    {"type": "Linear", "out_features": 16},
    {"type": "PositionalEmbedding"},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 32, "dropout": 0.1},
    {"type": "TransformerBlock", "num_heads": 4, "feedforward_dim": 32, "norm_first": False},
    {"type": "LayerNorm"},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10},
]


def model_of(layers: Any, inputs: TensorSpec, seed: int = 5) -> ModelSpec:
    return ModelSpec(parse_layers(layers, inputs, "layers").layers, inputs, seed)


CNN = model_of(CNN_LAYERS, TensorSpec((1, 8, 8)))
TRANSFORMER = model_of(TRANSFORMER_LAYERS, TensorSpec((8, 8)))
