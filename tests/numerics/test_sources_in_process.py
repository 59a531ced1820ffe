"""The same bits on every kind of data, however the model is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.sources.registry import facts_of_source, read_source
from actors.core.stages.specs import SessionSpec
from tests.support.image_files import write_set
from tests.support.in_process import build_pipeline
from tests.support.own_files import write_folder
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
    "text": (GPT, {"format": "text", "path": "text.txt", "context": 12, "stride": 5}),
    "bytes": (GPT, {"format": "text", "path": "text.txt", "context": 12, "tokens": "bytes"}),
    "colour images": (CNN, {"name": "CIFAR10"}),
    "grey images in colour": (CNN, {"name": "digits", "channels": 3, "resize": [12, 12]}),
    "a table": ({"layer_sizes": [13, 8, 3]}, {"name": "wine"}),
    "numbers": ({"layer_sizes": [10, 8, 1]}, {"name": "diabetes", "normalize": False}),
    "an image folder": (CNN, {"format": "image_folder", "path": "pets", "resize": [12, 12]}),
    "a table of one's own": (
        {"layer_sizes": [5, 8, 3]},
        {"format": "csv", "path": "a.csv", "target": "kind", "missing_numbers": "mean"},
    ),
    "arrays": ({"layer_sizes": [7, 8, 4]}, {"format": "npz", "path": "a.npz"}),
    "synthetic text": (GPT, TOKENS),
    "synthetic tokens": ({"layers": EMBEDDED}, {**TOKENS, "classes": 3}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 20)
    write_set("CIFAR10", folder)
    write_folder(folder / "pets", {"cat": 30, "dog": 30})
    rows = [f"{i % 7 or ''},{'rgb'[i % 3]},{i % 5},{'abc'[i % 3]}" for i in range(60)]
    (folder / "a.csv").write_text("\n".join(["size,colour,age,kind", *rows]))
    rng = np.random.default_rng(0)
    np.savez(folder / "a.npz", x=rng.normal(size=(60, 7)), y=np.arange(60) % 4)
    return folder


@pytest.mark.parametrize("cuts", [[0, 2], [0, 1, 2]], ids=["one stage", "two stages"])
@pytest.mark.parametrize("kind", JOBS)
def test_losses_and_weights_equal_a_plain_loop(folder: Path, kind: str, cuts: list[int]) -> None:
    if JOBS[kind][1].get("format") == "csv":
        pytest.importorskip("pyarrow")
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
