"""Stages on accelerators, and on CPUs beside them: the numbers of a CPU, within a tolerance."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from actors.core.model.facts import model_facts
from actors.core.progress.snapshots import TrainingState
from actors.core.recipe.recipe import PLAIN_SGD, parse_recipe
from actors.core.sources.samples import Samples
from actors.core.stages.compute_device import CPU, Accelerator, ComputeDevice, this_device
from actors.core.stages.flops import count_stage_flops
from actors.core.stages.profiles import block_works
from actors.core.tasks.task_spec import CLASSIFICATION
from actors.host.host_kind import this_host
from actors.probing.device_probe import compute_resources
from actors.probing.probe_request import ProbeRequest
from actors.probing.stage_probe import probe
from tests.support.digit_sessions import NETWORK, make_session, run
from tests.support.far_device import FarDevice
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.sources import read

CUTS = [0, 1, 2, 3]
LOSS_TOLERANCE = 1e-3
"""Relative, after three epochs."""

needs_accelerator = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="PyTorch sees no accelerator here: not run"
)
KINDS = [
    pytest.param(FarDevice, id="another type of numbers"),
    pytest.param(this_device, id="accelerator", marks=needs_accelerator),
]


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


def losses(pipeline: Pipeline) -> list[float | None]:
    records = pipeline.loops[-1].board.epochs.all()
    return [loss for r in records for loss in (r.train_loss, r.metrics["loss"])]


@pytest.mark.parametrize("schedule", ["1f1b", "zb-h2"])
@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_unlike_devices_trains_as_on_cpus(
    digits: Samples, kind: Callable[[], ComputeDevice], places: tuple[int, ...], schedule: str
) -> None:
    session = make_session(schedule=schedule)
    devices = [kind() if i in places else CPU for i in range(3)]
    mixed = run(build_pipeline(NETWORK, session, digits, CUTS, devices=devices))
    plain = run(build_pipeline(NETWORK, session, digits, CUTS))
    assert losses(mixed) == pytest.approx(losses(plain), rel=LOSS_TOLERANCE)
    for stage in mixed.stages:
        assert all(t.dtype is torch.float32 and t.is_cpu for t in stage.weights().values())


CONFIGS: list[dict[str, Any]] = [
    {"learning_rate": 0.05, "momentum": 0.9},
    {"optimizer": {"type": "AdamW", "amsgrad": True}, "clip_grad_norm": 0.5},
    {"optimizer": {"type": "RMSprop", "momentum": 0.5}, "clip_grad_value": 0.1},
    {"optimizer": "Adagrad", "freeze": ["0"]},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_session_goes_on_from_snapshots_of_other_devices(
    digits: Samples, kind: Callable[[], ComputeDevice], config: dict[str, Any]
) -> None:
    make = functools.partial(make_session, recipe=parse_recipe(config))
    whole = run(build_pipeline(NETWORK, make(), digits, CUTS))
    first = run(build_pipeline(NETWORK, make(epochs=1), digits, CUTS, devices=[kind()] * 3))
    taken = TrainingState(tuple(loop.state() for loop in first.loops))
    assert all(t.dtype is torch.float32 and t.is_cpu for t in taken.optimizer.values())
    rest = build_pipeline(
        NETWORK, make(start=taken.cursor), digits, [0, 2, 3], 2, taken, [CPU, kind()]
    )
    assert losses(run(rest)) == pytest.approx(losses(whole)[2:], rel=LOSS_TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_time_and_flops_are_complete_after_each_step(
    digits: Samples, kind: Callable[[], ComputeDevice]
) -> None:
    session = make_session(epochs=1)
    pipeline = run(build_pipeline(NETWORK, session, digits, [0, 3], devices=[kind()]))
    (loop,) = pipeline.loops
    flops = count_stage_flops(pipeline.stages[0].spec.facts, session.num_train)
    assert (loop.board.forward_flops, loop.board.backward_flops) == (flops.forward, flops.backward)
    seconds = loop.board.seconds
    assert min(seconds.forward_s, seconds.backward_s, seconds.update_s) > 0


def test_messages_are_received_in_memory_that_the_device_gave(digits: Samples) -> None:
    far = FarDevice()
    run(build_pipeline(NETWORK, make_session(epochs=1), digits, [0, 2, 3], devices=[CPU, far]))
    assert far.buffers == 15 * 3 + 3, "a buffer for each microbatch and each chunk"
    assert far.not_waited_for == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_measures_the_device(kind: Callable[[], ComputeDevice]) -> None:
    device = kind()
    works, facts = block_works(NETWORK), model_facts(NETWORK)
    threads = torch.get_num_threads()
    request = ProbeRequest(
        NETWORK, CLASSIFICATION, works, facts, PLAIN_SGD, 32, (16, 4), threads, 0.2
    )
    found = probe(request, device)
    assert len(found.blocks) == 3 and found.matmul_flops_per_s > 0
    assert compute_resources(device).accelerator == device.name == this_host(device).device


@needs_accelerator
def test_what_an_accelerator_takes_it_gives_back_bit_for_bit() -> None:
    device = this_device()
    assert isinstance(device, Accelerator)
    sent = torch.rand(100, 33)
    assert torch.equal(device.give(device.take(sent)), sent)
    buffer = device.host_buffer((100, 33), torch.float32).copy_(sent)
    assert torch.equal(device.give(device.take(buffer)), sent)


@needs_accelerator
def test_products_on_an_accelerator_are_float32() -> None:
    """TF32 would be a thousand times farther off."""
    device = this_device()
    left, right = torch.rand(2, 256, 256)
    product = device.give(device.take(left) @ device.take(right))
    exact = (left.double() @ right.double()).float()
    assert torch.allclose(product, exact, rtol=1e-5)
