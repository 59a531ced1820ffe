"""The same bits on every kind of data, however the model is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from actors.core.sources.registry import facts_of_source, read_source
from actors.core.specs import SessionSpec
from tests.support.image_files import write_set
from tests.support.in_process import build_pipeline
from tests.support.plain_loop import train_plainly
from tests.support.sources import folders, job_spec

CNN = {"architecture": "cnn", "config": {"channels": [4, 8], "hidden": 16}}
GPT = {"architecture": "gpt", "config": {"embed_dim": 16, "depth": 2, "num_heads": 2}}
TOKENS = {"name": "synthetic", "inputs": [8], "dtype": "int64", "num_tokens": 11, "num_train": 60}
EMBEDDED = [
    {"type": "Embedding", "num_embeddings": 11, "embedding_dim": 4},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 3},
]
JOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (GPT, {"name": "text", "path": "text.txt", "context": 12, "stride": 5}),
    "bytes": (GPT, {"name": "text", "path": "text.txt", "context": 12, "tokens": "bytes"}),
    "colour images": (CNN, {"name": "CIFAR10"}),
    "grey images in colour": (CNN, {"name": "digits", "channels": 3, "resize": [12, 12]}),
    "a table": ({"layer_sizes": [13, 8, 3]}, {"name": "wine"}),
    "numbers": ({"layer_sizes": [10, 8, 1]}, {"name": "diabetes", "normalize": False}),
    "synthetic text": (GPT, TOKENS),
    "synthetic tokens": ({"layers": EMBEDDED}, {**TOKENS, "classes": 3}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 20)
    write_set("CIFAR10", folder)
    return folder


@pytest.mark.parametrize("cuts", [[0, 2], [0, 1, 2]], ids=["one stage", "two stages"])
@pytest.mark.parametrize("kind", JOBS)
def test_losses_and_weights_equal_a_plain_loop(folder: Path, kind: str, cuts: list[int]) -> None:
    spec = job_spec(JOBS[kind][0], {**JOBS[kind][1], "batch_size": 20}, folder)
    samples = read_source(spec.source, folders(folder))
    data = facts_of_source(spec.source, samples.found)
    session = SessionSpec(
        generation=1,
        epochs=2,
        batch_size=20,
        val_batch_size=7,
        num_train=data.num_train,
        num_val=data.num_val,
        views=spec.views,
        task=spec.task,
        num_microbatches=3,
    )
    plain = train_plainly(spec.model, session, samples)
    ends = [*cuts[:-1], spec.num_blocks]
    pipeline = build_pipeline(spec.model, session, samples, ends)
    pipeline.run()
    assert not pipeline.errors
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    assert [r.metrics["loss"] for r in records] == [metrics["loss"] for metrics in plain.metrics]
    weights = pipeline.weights()
    assert weights.keys() == plain.weights.keys()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in weights)
