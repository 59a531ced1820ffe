"""The same bits for architectures by their names, however the model is cut, as in a plain loop."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from actors.core.recipe.recipe import parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.sources.registry import read_source
from actors.core.stages.specs import SessionSpec
from tests.support.in_process import build_pipeline
from tests.support.plain_loop import train_plainly
from tests.support.sources import NO_FOLDER, folders, job_spec

IMAGES = {"name": "synthetic", "inputs": [1, 8, 8], "dtype": "uint8", "classes": 5}
TOKENS = {"name": "synthetic", "inputs": [12], "dtype": "int64", "num_tokens": 20}
SIZE = {"num_train": 70, "num_val": 30}
SMALL = {"embed_dim": 16, "depth": 2, "num_heads": 2, "dropout": 0.1}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mlp": ({"hidden": [20, 20], "norm": "batch", "dropout": 0.1}, IMAGES),
    "cnn": ({"channels": [4, 6], "hidden": 12, "dropout": 0.1}, IMAGES),
    "vit": ({"patch_size": 2, **SMALL}, IMAGES),
    "gpt": (SMALL, TOKENS),
}


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(CASES))
def test_an_architecture_equals_a_plain_loop(name: str, stages: int, schedule: str) -> None:
    config, data = CASES[name]
    source = {**data, **SIZE}
    given = {"architecture": name, "config": config, "seed": 5}
    job = job_spec(given, {**source, "batch_size": 30})
    samples = read_source(job.source, folders(NO_FOLDER))
    count = job.num_blocks
    cuts = {1: [0, count], 2: [0, count // 2, count], 3: [0, 1, count - 1, count]}[stages]
    session = SessionSpec(
        generation=1,
        epochs=2,
        recipe=parse_recipe({"learning_rate": 0.05, "momentum": 0.5}),
        batch_size=job.batch_size,
        val_batch_size=12,
        num_train=SIZE["num_train"],
        num_val=SIZE["num_val"],
        views=job.views,
        task=job.task,
        num_microbatches=3,
        schedule=schedule,
        channel_timeout_s=20.0,
    )
    plain = train_plainly(job.model, session, samples)
    pipeline = build_pipeline(job.model, session, samples, cuts)
    pipeline.run()
    assert not pipeline.errors
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    for record, metrics in zip(records, plain.metrics, strict=True):
        assert {metric: record.metrics[metric] for metric in metrics} == metrics
    weights = pipeline.weights()
    assert weights.keys() == plain.weights.keys()
    assert all(torch.equal(weights[key], plain.weights[key]) for key in weights)
