"""A plan's figures for the last stage's memory if its outputs dominate, task by task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actors.core.model.blocks import num_blocks
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.recipe.recipe import parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.sources.samples import Samples
from actors.core.sources.views import SampleView, SampleViews
from actors.core.stages.specs import SessionSpec
from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from orchestrator.planning.plan_types import Pipelining, PlanJob
from orchestrator.planning.prediction import predict
from tests.support.measured_memory import measured_peaks
from tests.support.models import model_of
from tests.support.profiles import FREE, device
from tests.support.sources import samples_of, split_of
from tests.support.tasks import BINARY, MULTILABEL, NEXT_TOKEN, REGRESSION

LENGTH, WIDE, BATCH, ROWS = 16, 600, 32, 64
FEATURES = TensorSpec((8,))
TOKENS = TensorSpec((LENGTH,), "int64")


def dense(outputs: int) -> ModelSpec:
    layers = [{"type": "Linear", "out_features": 64}, {"type": "Linear", "out_features": outputs}]
    return model_of(layers, FEATURES)


def text() -> ModelSpec:
    layers = [
        {"type": "Embedding", "num_embeddings": WIDE, "embedding_dim": 4},
        {"type": "Linear", "out_features": WIDE},
    ]
    return model_of(layers, TOKENS)


CASES: dict[str, tuple[TaskSpec, ModelSpec]] = {
    "classification": (CLASSIFICATION, dense(WIDE * LENGTH)),
    "regression": (REGRESSION, dense(WIDE * LENGTH)),
    "huber": (TaskSpec("regression", (("loss", "huber"), ("delta", 1.0))), dense(WIDE * LENGTH)),
    "binary": (BINARY, dense(1)),
    "multilabel": (MULTILABEL, dense(WIDE * LENGTH)),
    "next_token": (NEXT_TOKEN, text()),
}


def data_of(model: ModelSpec, targets: TensorSpec, rows: int, val_rows: int) -> Samples:
    def split(count: int) -> Any:
        inputs: Any = np.ones((count, *model.inputs.shape), np.float32)
        own: Any = np.ones((count, *targets.shape), np.float32)
        if model.inputs.dtype == "int64":
            inputs = inputs.astype(np.int64)
        return split_of(inputs, own.astype(targets.dtype))

    return samples_of(split(rows), split(val_rows))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("val_rows", [4, 4 * ROWS])
@pytest.mark.parametrize("name", list(CASES))
def test_loss_and_metrics_take_no_more_than_the_plan_says(
    monkeypatch: pytest.MonkeyPatch, name: str, val_rows: int, schedule: str
) -> None:
    task, model = CASES[name]
    outputs = TensorSpec((LENGTH, WIDE)) if name == "next_token" else TensorSpec((WIDE * LENGTH,))
    targets = TASKS[task.kind].targets(outputs)
    session = SessionSpec(
        generation=1,
        epochs=1,
        batch_size=BATCH,
        val_batch_size=val_rows,
        num_train=ROWS,
        num_val=val_rows,
        views=SampleViews(SampleView(model.inputs), SampleView(targets)),
        num_microbatches=4,
        schedule=schedule,
        recipe=parse_recipe({}),
        channel_timeout_s=20.0,
        task=task,
    )
    cuts, pipelining = (0, 1, num_blocks(model)), Pipelining(schedule, 4)
    data = data_of(model, targets, ROWS, val_rows)
    peak = measured_peaks(monkeypatch, model, session, data, cuts)[-1]
    job = PlanJob(model, BATCH, val_rows, (device(1), device(2)), (FREE,), session.recipe, task)
    memory = predict(job, cuts, pipelining).stages[-1].memory
    said = memory.total - memory.copies - memory.messages
    assert 0.25 * said < peak <= said, peak / said
