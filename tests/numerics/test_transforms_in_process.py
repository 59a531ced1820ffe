"""Random transforms: the same bits on any number of stages, after a resume, and in plain loops."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch

from actors.core.feeding.rows import TensorRows
from actors.core.progress.snapshots import TrainingState
from actors.core.sources.samples import Samples
from actors.core.stages.replay import LayerThreads, ReplayPlan, ReplaySession, ThreadsFrom, replay
from actors.core.stages.specs import SessionSpec
from orchestrator.jobs.job_spec import JobSpec
from tests.support.digit_sessions import make_session, run, stop_after
from tests.support.in_process import build_pipeline
from tests.support.plain_loop import PlainResult, train_plainly
from tests.support.row_blocks import in_blocks
from tests.support.sources import job_spec, read

TRANSFORM = [
    {"type": "RandomCrop", "size": 8, "padding": 1},
    {"type": "RandomHorizontalFlip"},
    {"type": "RandomRotation", "degrees": 10, "interpolation": "bilinear"},
    {"type": "ColorJitter", "brightness": 0.3, "contrast": 0.3},
    {"type": "RandAugment", "num_ops": 1, "magnitude": 5},
]
MODEL = {"layer_sizes": [64, 16, 12, 10], "seed": 3}
EPOCHS = 2


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


@pytest.fixture(scope="module", params=[None, "MixUp", "CutMix"])
def spec(request: pytest.FixtureRequest) -> JobSpec:
    mixing = [] if request.param is None else [{"type": request.param, "alpha": 0.5}]
    return job_spec(MODEL, {"name": "digits", "transform": [*TRANSFORM, *mixing]})


def session_of(spec: JobSpec, **changes: object) -> SessionSpec:
    return make_session(epochs=EPOCHS, views=spec.views, seed=3, first_epoch_index=4, **changes)


@pytest.fixture(scope="module")
def plain(digits: Samples, spec: JobSpec) -> PlainResult:
    return train_plainly(spec.model, session_of(spec), digits)


@pytest.mark.parametrize("cuts", [[0, 3], [0, 1, 3], [0, 1, 2, 3]], ids=["1", "2", "3"])
def test_any_number_of_stages_has_the_bits_of_a_plain_loop(
    digits: Samples, spec: JobSpec, plain: PlainResult, cuts: list[int]
) -> None:
    pipeline = run(build_pipeline(spec.model, session_of(spec), digits, cuts))
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    assert [r.metrics["loss"] for r in records] == [metrics["loss"] for metrics in plain.metrics]
    weights = pipeline.weights()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in plain.weights)


@pytest.mark.parametrize("num_steps", [20], ids=["in epoch 2"])
def test_a_session_that_goes_on_elsewhere_has_them_too(
    digits: Samples, spec: JobSpec, plain: PlainResult, num_steps: int
) -> None:
    first = build_pipeline(spec.model, session_of(spec, max_lost_steps=1), digits, [0, 2, 3])
    taken = TrainingState(tuple(stop_after(first, num_steps)))
    rest = session_of(spec, start=taken.cursor)
    second = run(build_pipeline(spec.model, rest, digits, [0, 1, 2, 3], state=taken))
    weights = second.weights()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in plain.weights)


def test_rows_that_come_in_blocks_have_them_too(
    digits: Samples, spec: JobSpec, plain: PlainResult
) -> None:
    session = session_of(spec)
    with ExitStack() as until:
        data = in_blocks(digits, session, 500, until)
        pipeline = run(build_pipeline(spec.model, session, digits, [0, 1, 3], data=data))
    weights = pipeline.weights()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in plain.weights)


def test_a_replay_has_them_too(digits: Samples, spec: JobSpec, plain: PlainResult) -> None:
    session, num_blocks = session_of(spec), spec.num_blocks
    threads = (ThreadsFrom(0, (LayerThreads(0, num_blocks, 1),)),)
    steps = EPOCHS * session.num_steps
    inputs, targets = (torch.from_numpy(a) for a in (digits.train.inputs, digits.train.targets))
    plan = ReplayPlan(spec.model, (ReplaySession(session, steps, threads),), steps)
    replayed = replay(plan, lambda _: TensorRows(inputs), targets)
    assert list(replayed.losses) == plain.step_losses
    assert replayed.weights is not None
    assert all(torch.equal(replayed.weights[name], plain.weights[name]) for name in plain.weights)


def test_every_epoch_sees_other_images(digits: Samples, spec: JobSpec) -> None:
    again = train_plainly(spec.model, session_of(spec), digits)
    other = train_plainly(
        spec.model,
        make_session(epochs=EPOCHS, views=spec.views, seed=3, first_epoch_index=5),
        digits,
    )
    calm = job_spec(MODEL, {"name": "digits"})
    still = train_plainly(calm.model, session_of(calm), digits)
    assert len({again.step_losses[0], other.step_losses[0], still.step_losses[0]}) == 3
