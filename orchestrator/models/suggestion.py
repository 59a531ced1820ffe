"""A model and a recipe that would fit some data: where to begin, not where to end."""

from __future__ import annotations

import math
from typing import Any

from actors.core.sources.source_facts import SourceFacts

MIN_CNN_SIDE = 8
"""Two poolings leave nothing of an image whose shorter side has fewer pixels."""
MAX_BATCH_SIZE = 64
HIDDEN = [64, 32]
STEPS = 2_000
"""Updates that a suggested session has about."""


def suggested_job(data: SourceFacts) -> dict[str, Any]:
    """``model_config``, ``train_config`` and ``batch_size``, as a job's request has them."""
    batch_size = min(MAX_BATCH_SIZE, max(1, data.num_train // 4))
    steps = -(-data.num_train // batch_size)
    epochs = min(50, max(3, STEPS // steps))
    return {
        "model_config": _model(data),
        "train_config": {
            "epochs": epochs,
            "optimizer": "AdamW",
            "learning_rate": 0.002,
        },
        "batch_size": batch_size,
    }


def _model(data: SourceFacts) -> dict[str, Any]:
    shape = data.inputs.shape
    if data.task == "next_token":
        return {"architecture": "gpt", "config": {"embed_dim": 128, "depth": 4, "num_heads": 4}}
    if data.num_tokens is not None:
        return {"layers": _of_tokens(data)}
    if len(shape) == 3 and min(shape[1:]) >= MIN_CNN_SIDE:
        return {"architecture": "cnn"}
    return {"layer_sizes": [math.prod(shape), *HIDDEN, _num_outputs(data)]}


def _of_tokens(data: SourceFacts) -> list[dict[str, Any]]:
    return [
        {"type": "Embedding", "num_embeddings": data.num_tokens, "embedding_dim": 32},
        {"type": "Flatten"},
        {"type": "Linear", "out_features": _num_outputs(data)},
    ]


def _num_outputs(data: SourceFacts) -> int:
    if data.task == "classification":
        assert data.num_classes is not None
        return data.num_classes
    return math.prod(data.targets.shape)
