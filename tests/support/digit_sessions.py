"""Sessions on digits with momentum, run by stage loops in threads."""

from __future__ import annotations

from actors.core.model.model_spec import mlp
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import StageSnapshot
from actors.core.recipe.recipe import parse_recipe
from actors.core.stages.specs import SessionSpec
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


def stop_after(pipeline: Pipeline, num_steps: int) -> list[StageSnapshot]:
    """Each stage's state when stage 0 has stopped before step ``num_steps`` + 1."""
    loop = pipeline.loops[0]
    begin_step = loop._begin_step

    def stop_in_time() -> None:
        if len(pipeline.loops[-1].board.steps.all()) >= num_steps:
            loop.orders.stop(Boundary.STEP)
        begin_step()

    loop._begin_step = stop_in_time  # type: ignore[method-assign]
    run(pipeline)
    assert set(pipeline.completed.values()) == {False}
    states = [each.state() for each in pipeline.loops]
    assert len({state.cursor.position for state in states}) == 1
    return list(states)
