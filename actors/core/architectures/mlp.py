"""Linear layers with an activation between them."""

from __future__ import annotations

from actors.core.architectures.registry import Architecture, Ends, Layers, add_architecture
from actors.core.fields import MAX_SIZE, choice, counts, number

ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh"}
NORMS = {"none": None, "batch": "BatchNorm1d", "layer": "LayerNorm"}


def _expand(
    hidden: tuple[int, ...], activation: str, norm: str, dropout: float, ends: Ends
) -> Layers:
    layers: Layers = [] if len(ends.inputs.shape) == 1 else [{"type": "Flatten"}]
    for size in hidden:
        layers.append({"type": "Linear", "out_features": size})
        if (norm_type := NORMS[norm]) is not None:
            layers.append({"type": norm_type})
        layers.append({"type": ACTIVATIONS[activation]})
        if dropout > 0:
            layers.append({"type": "Dropout", "p": dropout})
    return [*layers, {"type": "Linear", "out_features": ends.outputs.shape[0]}]


add_architecture(
    Architecture(
        "mlp",
        "linear layers with an activation between them, on numbers of any form",
        _expand,
        {
            "hidden": counts(1, MAX_SIZE, 1000, (128, 64)),
            "activation": choice(tuple(ACTIVATIONS), "relu"),
            "norm": choice(tuple(NORMS), "none"),
            "dropout": number(0.0, 1.0, 0.0, below=True),
        },
    )
)
