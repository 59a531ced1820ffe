"""A vision transformer (Dosovitskiy et al. 2021): an image's patches as a sequence."""

from __future__ import annotations

from actors.core.architectures.registry import Architecture, Ends, Layers, add_architecture
from actors.core.fields import choice, count, number

POOLINGS = {"class": "first", "mean": "mean"}


def _expand(
    patch_size: int,
    embed_dim: int,
    depth: int,
    num_heads: int,
    mlp_ratio: float,
    dropout: float,
    pooling: str,
    ends: Ends,
) -> Layers:
    layers: Layers = [{"type": "PatchEmbedding", "embed_dim": embed_dim, "patch_size": patch_size}]
    if pooling == "class":
        layers.append({"type": "ClassToken"})
    layers.append({"type": "PositionalEmbedding"})
    if dropout > 0:
        layers.append({"type": "Dropout", "p": dropout})
    block = {
        "type": "TransformerBlock",
        "num_heads": num_heads,
        "feedforward_dim": max(1, round(mlp_ratio * embed_dim)),
        "dropout": dropout,
    }
    layers += [dict(block) for _ in range(depth)]
    layers += [{"type": "LayerNorm"}, {"type": "SequencePool", "pooling": POOLINGS[pooling]}]
    return [*layers, {"type": "Linear", "out_features": ends.outputs.shape[0]}]


add_architecture(
    Architecture(
        "vit",
        "a vision transformer on images [channels, height, width], cut into square patches",
        _expand,
        {
            "patch_size": count(1, 4096, 4),
            "embed_dim": count(1, 65_536, 64),
            "depth": count(1, 1000, 4),
            "num_heads": count(1, 1024, 4),
            "mlp_ratio": number(0.0, 64.0, 2.0, above=True),
            "dropout": number(0.0, 1.0, 0.0, below=True),
            "pooling": choice(tuple(POOLINGS), "class"),
        },
        ranks=(3,),
    )
)
