"""A decoder-only transformer over tokens, with GPT-2's initialisation (Radford et al. 2019)."""

from __future__ import annotations

import math

from actors.core.architectures.registry import Architecture, Ends, Layers, add_architecture
from actors.core.fields import count, flag, number

STD = 0.02


def _expand(
    embed_dim: int,
    depth: int,
    num_heads: int,
    mlp_ratio: float,
    dropout: float,
    bias: bool,
    ends: Ends,
) -> Layers:
    vocabulary = ends.outputs.shape[-1]
    embedding = {"type": "Embedding", "num_embeddings": vocabulary, "embedding_dim": embed_dim}
    layers: Layers = [{**embedding, "init_std": STD}, {"type": "PositionalEmbedding"}]
    if dropout > 0:
        layers.append({"type": "Dropout", "p": dropout})
    block = {
        "type": "TransformerBlock",
        "num_heads": num_heads,
        "feedforward_dim": max(1, round(mlp_ratio * embed_dim)),
        "causal": True,
        "dropout": dropout,
        "bias": bias,
        "init_std": STD,
        "residual_std": STD / math.sqrt(2 * depth),
    }
    layers += [dict(block) for _ in range(depth)]
    head = {"type": "Linear", "out_features": vocabulary, "bias": False, "init_std": STD}
    return [*layers, {"type": "LayerNorm", "bias": bias}, head]


add_architecture(
    Architecture(
        "gpt",
        "a decoder-only transformer on tokens [context], which predicts the next token at each "
        "position as [context, vocabulary]",
        _expand,
        {
            "embed_dim": count(1, 65_536, 128),
            "depth": count(1, 1000, 4),
            "num_heads": count(1, 1024, 4),
            "mlp_ratio": number(0.0, 64.0, 4.0, above=True),
            "dropout": number(0.0, 1.0, 0.0, below=True),
            "bias": flag(False),
        },
        ranks=(1,),
        takes="int64",
        gives=2,
    )
)
