"""Sessions on digits with momentum, run by stage loops in threads."""

from __future__ import annotations

from actors.core.model.model_spec import mlp
from actors.core.recipe.recipe import parse_recipe
from actors.core.specs import SessionSpec
from tests.support.in_process import Pipeline
from tests.support.sources import views

NETWORK = mlp((64, 32, 16, 10), seed=5)


def make_session(**changes: object) -> SessionSpec:
    values: dict[str, object] = {
        "generation": 1,
        "epochs": 3,
        "batch_size": 100,
        "val_batch_size": 150,
        "num_train": 1438,
        "num_val": 359,
        "views": views(),
        "num_microbatches": 3,
        "recipe": parse_recipe({"learning_rate": 0.05, "momentum": 0.9}),
        "channel_timeout_s": 20.0,
    }
    return SessionSpec(**{**values, **changes})  # type: ignore[arg-type]


def run(pipeline: Pipeline) -> Pipeline:
    """Runs to the end, without an error."""
    pipeline.run()
    assert not pipeline.errors
    return pipeline
