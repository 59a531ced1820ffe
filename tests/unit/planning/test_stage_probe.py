from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from actors.core.model.facts import model_facts
from actors.core.model.model_spec import ModelSpec, TensorSpec, mlp
from actors.core.model.parse import parse_layers
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.stages.compute_device import CPU
from actors.core.stages.profiles import DeviceProfile, block_works, stretched
from actors.core.tasks.task_spec import CLASSIFICATION
from actors.probing import operation_timer
from actors.probing.block_probe import MAX_MEASURED, MAX_OPERATIONS, MAX_PARAMETER_BYTES
from actors.probing.device_probe import compute_resources
from actors.probing.operation_timer import OperationTimer, Timings
from actors.probing.probe_request import ProbeRequest
from actors.probing.stage_probe import probe
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.planning.block_costs import block_costs

SMALL = mlp((64, 32, 32, 32, 10))
CONVOLUTIONS = [
    {"type": "Conv2d", "out_channels": 4, "kernel_size": 3},
    {"type": "BatchNorm2d"},
    {"type": "ReLU"},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10},
]
TOKENS = [
    {"type": "Embedding", "num_embeddings": 20, "embedding_dim": 8},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 16, "causal": True},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10},
]


def request(
    model: ModelSpec, rows: tuple[int, ...] = (16, 4), budget_s: float = 0.2
) -> ProbeRequest:
    works, facts = block_works(model), model_facts(model)
    threads = torch.get_num_threads()
    return ProbeRequest(model, CLASSIFICATION, works, facts, PLAIN_SGD, 32, rows, threads, budget_s)


def model_of(layers: object, inputs: TensorSpec) -> ModelSpec:
    return ModelSpec(parse_layers(layers, inputs, "layers").layers, inputs)


def test_each_kind_of_block_is_measured_once_and_for_all_rows() -> None:
    found = probe(request(SMALL, budget_s=60.0))
    works = block_works(SMALL)
    assert works[1] == works[2]
    assert sorted(b.work.key for b in found.blocks) == sorted({w.key for w in works})
    for block in found.blocks:
        assert [point.rows for point in block.points] == [4, 16]
        for point in block.points:
            assert min(vars(point.times).values()) > 0
        assert block.update_s > 0
    assert found.matmul_flops_per_s > 1e6
    # One of the two may be 0: between two measured numbers of rows the noise may be larger.
    assert min(found.load_s, found.load_per_row_s) >= 0 < found.load_s + found.load_per_row_s


def test_convolutions_norms_and_attention_are_measured_as_they_are() -> None:
    for layers, inputs in (
        (CONVOLUTIONS, TensorSpec((1, 8, 8))),
        (TOKENS, TensorSpec((6,), "int64")),
    ):
        model = model_of(layers, inputs)
        found = probe(request(model, rows=(8,)))
        assert {b.work.key for b in found.blocks} == {w.key for w in block_works(model)}
        assert all(b.points[0].times.forward_s > 0 for b in found.blocks)
        assert (block_costs(found, model, 8).forward_s > 0).all()


def test_a_model_of_one_block_is_first_and_last() -> None:
    found = probe(request(mlp((64, 10))))
    assert [b.work for b in found.blocks] == list(block_works(mlp((64, 10))))


def test_very_many_kinds_of_blocks_are_measured_by_some_of_them() -> None:
    model = mlp(tuple(range(20, 80)))
    found = probe(request(model, rows=(4,)))
    assert len(found.blocks) == MAX_MEASURED
    assert len(block_costs(found, model, 4).forward_s) == 59


def test_a_block_of_much_work_is_measured_with_fewer_samples() -> None:
    model = mlp((8, 3000, 3000, 10))
    found = probe(request(model, rows=(512,), budget_s=0.01))
    work = block_works(model)[1]
    (measured,) = [b for b in found.blocks if b.work == work]
    assert [point.rows for point in measured.points] == [MAX_OPERATIONS // work.per_row]


def test_a_block_of_very_many_parameters_is_not_built_but_told_from_the_others() -> None:
    model = mlp((8, 500, 500, 10))
    asked = request(model, rows=(4,), budget_s=0.01)
    works = [*asked.works]
    works[1] = dataclasses.replace(works[1], parameter_bytes=MAX_PARAMETER_BYTES + 1)
    found = probe(dataclasses.replace(asked, works=tuple(works)))
    assert works[1].key not in {b.work.key for b in found.blocks}
    costs = block_costs(found, model, 4)
    last = next(b for b in found.blocks if b.work.key == works[2].key)
    ratio = works[1].per_row / works[2].per_row
    assert costs.forward_s[1] == ratio * last.points[0].times.forward_s


def test_without_time_the_first_rows_are_measured_all_the_same() -> None:
    found = probe(request(SMALL, budget_s=0.0))
    assert all([point.rows for point in layer.points] == [16] for layer in found.blocks)


def test_a_profile_survives_the_store() -> None:
    found = DeviceProfile(4, 2**33, None, probe(request(SMALL, rows=(4,))))
    assert from_stored(DeviceProfile, to_stored(found)) == found


def test_the_memory_of_this_host_is_known() -> None:
    memory = compute_resources().memory_bytes
    assert memory is not None and memory > 2**27


class FakeTime:
    """The clocks of a thread that has the core for a ``share`` of the time."""

    def __init__(self) -> None:
        self.share = 1.0
        self._now_s = self._worked_s = 0.0

    def perf_counter(self) -> float:
        return self._now_s

    def thread_time(self) -> float:
        return self._worked_s

    def get_clock_info(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(resolution=1e-9)

    def work(self, seconds: float) -> None:
        self._worked_s += seconds
        self._now_s += seconds / self.share


def test_a_core_that_is_shared_stretches_what_it_works_at(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr(operation_timer, "time", clock)
    watch, times = OperationTimer(CPU, 1), Timings()
    watch.time(times, "alone", lambda: clock.work(2.0))
    assert watch.stretch == 1.0
    clock.share = 0.25
    watch.time(times, "shared", lambda: clock.work(2.0))
    assert watch.stretch == (2.0 + 8.0) / 4.0
    assert times == {"alone": [2.0], "shared": [2.0]}


def test_what_several_threads_work_at_is_told_by_the_time_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeTime()
    clock.share = 0.25
    monkeypatch.setattr(operation_timer, "time", clock)
    watch, times = OperationTimer(CPU, 2), Timings()
    watch.time(times, "shared", lambda: clock.work(2.0))
    assert watch.stretch == 1.0 and times == {"shared": [8.0]}


def test_a_stretched_profile_takes_longer_at_everything_but_its_best() -> None:
    found = probe(request(SMALL, rows=(4,)))
    twice = stretched(found, 2.0)
    assert twice.matmul_flops_per_s == found.matmul_flops_per_s
    assert (
        twice.load_s == 2 * found.load_s and twice.overhead.update_s == 2 * found.overhead.update_s
    )
    before, after = found.blocks[0], twice.blocks[0]
    assert after.update_s == 2 * before.update_s
    assert after.points[0].times.weight_grad_s == 2 * before.points[0].times.weight_grad_s
