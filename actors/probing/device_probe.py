"""Measures what a device has and takes whatever the model: its memory, its best rate, what a stage
costs beside its blocks, and what loading samples takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch

from actors.core.model.model_spec import TensorSpec, mlp
from actors.core.model.randomness import Moment
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.sources.views import SampleView, Scaling, Window
from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.stages.profiles import StageOverhead
from actors.core.stages.specs import StageSpec
from actors.core.stages.stage import Stage
from actors.host.host_limits import usable_memory
from actors.probing.operation_timer import OperationTimer, Timings, usual_s

MATMUL_SIZE = 640
MATMUL_ROUNDS = 5
LOAD_ROUNDS = 9
TINY, TINY_ROUNDS = 8, 40


@dataclass(frozen=True)
class ComputeResources:
    """Memory of what computes, and the accelerator's name, if it is one."""

    memory_bytes: int | None
    accelerator: str | None


def compute_resources(device: ComputeDevice = CPU) -> ComputeResources:
    """For the calling process, which computes there. The host's memory keeps the snapshots, so the
    memory of an accelerator counts only up to the host's."""
    both = (usable_memory().total_bytes, device.own_memory_bytes())
    memory_bytes = min((size for size in both if size is not None), default=None)
    return ComputeResources(memory_bytes, device.accelerator)


def stage_overhead(timer: OperationTimer) -> StageOverhead:
    """The time of a stage of one tiny layer beyond the time of each further layer."""
    one, three = (_tiny(num_layers, timer) for num_layers in (1, 3))
    return StageOverhead(
        *(max(0.0, a - (b - a) / 2) for a, b in zip(one, three, strict=True)),
    )


def _tiny(num_layers: int, timer: OperationTimer) -> tuple[float, ...]:
    """Seconds of a forward pass, a backward pass and an update."""
    model = mlp((TINY,) * (num_layers + 3))
    stage = Stage(StageSpec(model, 1, 3, 1, 1 + num_layers, ()), device=timer.device)
    stage.start_session(PLAIN_SGD)
    times: Timings = {}
    for _ in range(TINY_ROUNDS):
        inputs, grad = timer.device.take(torch.rand(2, TINY, TINY))
        timer.time(times, "forward", partial(stage.forward, Moment(), inputs))
        timer.time(times, "backward", partial(stage.backward, 0, grad))
        timer.time(times, "update", partial(stage.update, 0.0))
    return tuple(usual_s(times[name]) for name in ("forward", "backward", "update"))


def loading(sample: TensorSpec, rows: int, timer: OperationTimer) -> tuple[float, float]:
    """The time to load a microbatch, and to load each of its samples."""
    view, stored = _stored(sample, 2 * rows)
    times: Timings = {}
    for _ in range(LOAD_ROUNDS):
        samples = torch.randperm(2 * rows)[:rows]
        for name, some in (("many", samples), ("one", samples[:1])):
            timer.time(times, name, partial(timer.device.load, view, stored, some))
    one_s, many_s = usual_s(times["one"]), usual_s(times["many"])
    return one_s, max(0.0, many_s - one_s) / rows


def _stored(sample: TensorSpec, count: int) -> tuple[SampleView, torch.Tensor]:
    """So many samples as most sources store them: pixels, or windows of tokens."""
    if sample.dtype == "float32":
        view = SampleView(sample, Scaling((0.1,), (0.3,), 255.0))
        return view, torch.zeros(count, *sample.shape, dtype=torch.uint8)
    view = SampleView(sample, window=Window(math.prod(sample.shape), 1))
    return view, torch.zeros(count + math.prod(sample.shape), dtype=torch.uint8)


def matmul_flops_per_s(timer: OperationTimer) -> float:
    """The best of some products of square matrices."""
    left, right = timer.device.take(torch.rand(2, MATMUL_SIZE, MATMUL_SIZE))
    times: Timings = {}
    for _ in range(MATMUL_ROUNDS):
        timer.time(times, "matmul", partial(torch.mm, left, right))
    return 2 * MATMUL_SIZE**3 / min(times["matmul"])
