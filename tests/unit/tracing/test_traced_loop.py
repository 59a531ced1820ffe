"""Stage loops that are recorded, in threads."""

from __future__ import annotations

import itertools
import time

import pytest
import torch

from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from actors.core.stages.compute_device import ComputeDevice
from actors.core.tracing.slices import (
    COMPUTING,
    WAITING,
    Slice,
    SliceKind,
    TraceWindow,
    bubble,
)
from actors.loop import tracer as tracer_module
from actors.loop.orders import Orders
from actors.loop.reports import Seen
from actors.loop.tracer import Tracer
from orchestrator.jobs.figures.device_figures import device_stats
from tests.support.digit_sessions import NETWORK, make_session, run, stop_after
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.sources import read

CUTS = [0, 1, 3]
STEPS_AN_EPOCH = 15
MICROBATCHES = 3


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


def traced(pipeline: Pipeline, window: TraceWindow) -> list[Tracer]:
    tracers = [Tracer(window) for _ in pipeline.loops]
    for loop, tracer in zip(pipeline.loops, tracers, strict=True):
        assert loop.orders.trace(tracer) < window.first
    return tracers


def of_kind(slices: tuple[Slice, ...], kind: SliceKind) -> list[Slice]:
    return [each for each in slices if each.kind is kind]


@pytest.mark.parametrize("schedule", ["1f1b", "zb-h1"])
def test_a_traced_session_gives_the_same_bits(digits: Samples, schedule: str) -> None:
    session = make_session(schedule=schedule)
    plain = run(build_pipeline(NETWORK, session, digits, CUTS))
    pipeline = build_pipeline(NETWORK, session, digits, CUTS)
    traced(pipeline, TraceWindow(3, 20))
    run(pipeline)
    weights, expected = pipeline.weights(), plain.weights()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    losses = [[s.loss for s in p.loops[-1].board.steps.all()] for p in (plain, pipeline)]
    assert losses[0] == losses[1]


def test_each_stage_records_the_same_steps_and_every_message_at_both_ends(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(schedule="zb-h1"), digits, CUTS)
    tracers = traced(pipeline, TraceWindow(14, 3))  # with the validation between two epochs
    run(pipeline)
    first, last = (tracer.result(0.0) for tracer in tracers)
    for trace in (first, last):
        assert trace.num_steps == 3
        assert [s.step for s in of_kind(trace.slices, SliceKind.STEP)] == [14, 15, 16]
        assert len(of_kind(trace.slices, SliceKind.FORWARD)) == 3 * MICROBATCHES
        num_halves = len(of_kind(trace.slices, SliceKind.INPUT_GRAD))
        assert num_halves == len(of_kind(trace.slices, SliceKind.WEIGHT_GRAD))
        num_whole = len(of_kind(trace.slices, SliceKind.BACKWARD))
        assert num_halves + num_whole == 3 * MICROBATCHES
        assert len(of_kind(trace.slices, SliceKind.UPDATE)) == 3
        assert len(of_kind(trace.slices, SliceKind.VALIDATION)) == 1
    assert of_kind(last.slices, SliceKind.INPUT_GRAD)
    for sent, received in [
        (SliceKind.SEND_ACTIVATIONS, SliceKind.RECEIVE_ACTIVATIONS),
        (SliceKind.SEND_GRADIENTS, SliceKind.RECEIVE_GRADIENTS),
    ]:
        senders, receivers = (first, last) if sent is SliceKind.SEND_ACTIVATIONS else (last, first)
        begins = {(s.step, s.microbatch): s.begin_s for s in of_kind(senders.slices, sent)}
        ends = {(s.step, s.microbatch): s.end_s for s in of_kind(receivers.slices, received)}
        assert begins.keys() == ends.keys() and len(begins) == 3 * MICROBATCHES
        assert all(ends[message] > begins[message] for message in begins)


def test_slices_of_a_stage_lie_within_its_steps_one_after_the_other(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(), digits, CUTS)
    tracers = traced(pipeline, TraceWindow(2, 4))
    run(pipeline)
    for tracer in tracers:
        slices = tracer.result(0.0).slices
        steps = {s.step: s for s in of_kind(slices, SliceKind.STEP)}
        outside = (SliceKind.STEP, SliceKind.SNAPSHOT, SliceKind.VALIDATION)
        parts = sorted((s for s in slices if s.kind not in outside), key=lambda s: s.begin_s)
        for part in parts:
            step = steps[part.step]
            assert step.begin_s <= part.begin_s <= part.end_s <= step.end_s
        for before, after in itertools.pairwise(parts):
            assert before.end_s <= after.begin_s


def test_the_bubble_of_a_trace_is_that_of_the_devices_figures(digits: Samples) -> None:
    recipe = parse_recipe({"learning_rate": 0.05, "clip_grad_norm": 0.5})
    session = make_session(recipe=recipe)
    pipeline = build_pipeline(NETWORK, session, digits, CUTS)
    tracers = traced(pipeline, TraceWindow(0, session.epochs * STEPS_AN_EPOCH))
    run(pipeline)
    for loop, tracer in zip(pipeline.loops, tracers, strict=True):
        slices = tracer.result(0.0).slices
        shown = device_stats(loop.board.report(Seen()))
        waited_s = sum(s.took_s for s in slices if s.kind in WAITING)
        assert waited_s == pytest.approx(shown["waiting_s"] + shown["wire_s"])
        worked_s = sum(shown[part] for part in ("computing_s", "loading_s", "updating_s"))
        assert bubble(slices) == pytest.approx(shown["bubble"])
        assert bubble(slices) == pytest.approx(waited_s / (waited_s + worked_s))


def test_an_order_for_steps_that_have_begun_does_not_hold() -> None:
    orders = Orders()
    assert orders.begin_step(4) is None
    late, early = Tracer(TraceWindow(4, 2)), Tracer(TraceWindow(5, 2))
    assert orders.trace(late) == 4
    assert orders.begin_step(5) is None
    assert orders.trace(early) == 5 and orders.trace(Tracer(TraceWindow(6, 1))) == 5
    recorder = orders.begin_step(6)
    assert recorder is not None
    recorder.end_step()
    assert orders.begin_step(7) is None and recorder.result(0.0).num_steps == 1


def test_a_session_that_ends_gives_the_whole_steps_that_there_are(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(), digits, CUTS)
    tracers = traced(pipeline, TraceWindow(5, 1_000))
    stop_after(pipeline, 9)
    for tracer in tracers:
        trace = tracer.result(60.0)  # it does not wait: the loop has ended
        assert trace.num_steps >= 4 and {s.step for s in trace.slices} >= {5, 6, 7, 8}
        assert len(of_kind(trace.slices, SliceKind.STEP)) == trace.num_steps


def test_a_recording_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer_module, "MAX_SLICES", 4)
    tracer = Tracer(TraceWindow(0, 100))
    num_recorded = 0
    while tracer.begin_step(num_recorded):
        tracer.add(SliceKind.FORWARD, 0.0, 1.0, 0)
        tracer.end_step()
        num_recorded += 1
    assert num_recorded == 2 == tracer.result(0.0).num_steps


class Later(ComputeDevice):
    """Has a clock of its own, and is asked for times at a step's end only, as an accelerator."""

    defers = True

    def mark(self) -> float:
        return time.perf_counter() - 1e6


def test_work_of_a_device_with_its_own_clock_lies_within_the_hosts_steps(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(), digits, CUTS, devices=[Later(), Later()])
    tracers = traced(pipeline, TraceWindow(1, 3))
    run(pipeline)
    for tracer in tracers:
        slices = tracer.result(0.0).slices
        steps = {s.step: s for s in of_kind(slices, SliceKind.STEP)}
        work = [s for s in slices if s.kind in COMPUTING]
        assert len(work) == 3 * (2 * MICROBATCHES + 1)
        for part in work:
            step = steps[part.step]
            assert step.begin_s - 1.0 < part.begin_s <= part.end_s < step.end_s + 1.0


def test_nothing_is_made_when_nobody_asks(digits: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a slice was made")

    monkeypatch.setattr(tracer_module, "Slice", refuse)
    run(build_pipeline(NETWORK, make_session(epochs=1), digits, CUTS))
    pipeline = build_pipeline(NETWORK, make_session(epochs=1), digits, CUTS)
    traced(pipeline, TraceWindow(2, 1))
    pipeline.run()
    assert any(isinstance(e, AssertionError) for e in pipeline.errors.values())
