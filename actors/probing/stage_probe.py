"""Measures how fast this process computes the blocks of a model, within a given time.

It times ``Stage`` itself, so that the figures include all its costs. On a shared core, a short
operation ends before the core switches to another process, and a long one does not. So if one
thread computes, an operation's time is the time it worked, stretched by the share of the core that
it had.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from actors.core.model.facts import BlockFacts
from actors.core.model.model_spec import DTYPES, ModelSpec, TensorSpec, mlp
from actors.core.model.randomness import Moment
from actors.core.recipe.recipe import PLAIN_SGD, Recipe
from actors.core.sources.views import SampleView, Scaling, Window
from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.stages.profiles import (
    BlockPoint,
    BlockProfile,
    BlockTimes,
    BlockWork,
    ComputeProfile,
    StageOverhead,
    stretched,
)
from actors.core.stages.specs import StageSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import TaskSpec
from actors.host.host_limits import usable_memory
from actors.probing.loop_probe import loop_overhead_s
from actors.probing.operation_timer import OperationTimer, Timings

MAX_MEASURED = 8
"""Different blocks; the times of the others are derived from the most similar ones."""
MAX_PARAMETER_BYTES = 2**28
"""A larger block is not built for measuring: its time is derived from other blocks' operations."""
MAX_OPERATIONS = 2**32
"""A block that takes more for a microbatch is measured with fewer samples."""
TURNS_BYTES = 2**27
"""Blocks that together have at most this many bytes take turns. Larger ones are measured one after
the other, because their parameters, gradients and activations need memory."""
MAX_ROUNDS = 9
SPLIT_ROUNDS = 3
FIRST_SHARE = 0.5
"""The share of the time for the first and most important number of rows."""
WARM_UP_AND_ROUND = 1.5
MATMUL_SIZE = 640
MATMUL_ROUNDS = 5
LOAD_ROUNDS = 9
TINY, TINY_ROUNDS = 8, 40
SMALLEST_SHARE = 0.05
"""At least this share of a layer's measured time is its own, however large the overhead seems."""


@dataclass(frozen=True)
class ProbeRequest:
    """A model to measure, by microbatches of ``rows``, the most important first, with this number
    of threads, updated by ``recipe``. ``works`` and ``facts`` belong to its blocks, which take at
    least ``min_rows``. ``budget_s`` is roughly the time it may take; the first measurement is made
    in any case."""

    model: ModelSpec
    task: TaskSpec
    works: tuple[BlockWork, ...]
    facts: tuple[BlockFacts, ...]
    recipe: Recipe
    batch_size: int
    rows: tuple[int, ...]
    threads: int
    budget_s: float
    min_rows: int = 1


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


def probe(request: ProbeRequest, device: ComputeDevice = CPU) -> ComputeProfile:
    """Must be called in the thread that computes: torch's thread count is set here, and stays."""
    torch.set_num_threads(request.threads)
    deadline = time.perf_counter() + request.budget_s
    matmul = _matmul_flops_per_s(OperationTimer(device, request.threads))
    timer = OperationTimer(device, request.threads)
    overhead = _stage_overhead(timer)
    load_s, load_per_row_s = _loading(request.model.inputs, request.rows[0], timer)
    blocks = _measured(request, overhead, timer, deadline)
    found = ComputeProfile(request.threads, matmul, overhead, blocks, load_s, load_per_row_s)
    return _in_a_loop(stretched(found, timer.stretch), loop_overhead_s(device, request.threads))


def _measured(
    request: ProbeRequest, overhead: StageOverhead, timer: OperationTimer, deadline: float
) -> tuple[BlockProfile, ...]:
    """Groups of blocks one after the other, each with its share of the time that is left."""
    groups = _in_turns(request, _chosen(request))
    found: list[BlockProfile] = []
    for number, group in enumerate(groups):
        now = time.perf_counter()
        end = now + (deadline - now) / (len(groups) - number)
        probes = [_BlockProbe(request, index, timer) for index in group]
        points = _measure(probes, request, end)
        found += [_profile(p, points[p.index], request, overhead) for p in probes]
    return tuple(found)


def _in_a_loop(profile: ComputeProfile, loop_s: float) -> ComputeProfile:
    forward_s, backward_s = profile.overhead.forward_s, profile.overhead.backward_s
    overhead = replace(
        profile.overhead, forward_s=forward_s + loop_s, backward_s=backward_s + loop_s
    )
    return replace(profile, overhead=overhead)


def _chosen(request: ProbeRequest) -> list[int]:
    """One of each kind of block that is small enough; of very many kinds the first, the last, and
    some spread over their work."""
    works = {work.key: i for i, work in reversed(list(enumerate(request.works)))}
    small = [i for i in works.values() if request.works[i].parameter_bytes <= MAX_PARAMETER_BYTES]
    by_work = sorted(small, key=lambda i: request.works[i].per_row)
    ends = [i for i in by_work if i in (0, len(request.works) - 1)]
    inner = [i for i in by_work if i not in ends]
    room = MAX_MEASURED - len(ends)
    if len(inner) > room:
        inner = [inner[round(i * (len(inner) - 1) / (room - 1))] for i in range(room)]
    return ends + inner


def _in_turns(request: ProbeRequest, chosen: Sequence[int]) -> list[list[int]]:
    """Those that are small enough together, and each of the others by itself."""
    groups: list[list[int]] = []
    size = 0
    for index in sorted(chosen, key=lambda i: request.works[i].parameter_bytes):
        own = request.works[index].parameter_bytes
        if not groups or size + own > TURNS_BYTES:
            groups, size = [*groups, []], 0
        groups[-1].append(index)
        size += own
    return groups


@dataclass
class _BlockProbe:
    """One block as a stage."""

    request: ProbeRequest
    index: int
    timer: OperationTimer
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        self.stage = Stage(_spec(self.request, self.index), device=self.timer.device)

    def rows(self, asked: int) -> int:
        """As many of the requested rows as the block's work allows."""
        per_row = max(1, self.request.works[self.index].per_row)
        return max(self.request.min_rows, min(asked, MAX_OPERATIONS // per_row))

    def microbatch(self, rows: int, times: Timings, name: str = "backward") -> None:
        """One forward and one backward pass, whose seconds go under ``name``."""
        grad = self._forward(rows, times)
        self.timer.time(times, name, partial(self.stage.backward, 0, grad))

    def split_microbatch(self, rows: int, times: Timings) -> None:
        """The same in halves."""
        grad = self._forward(rows, {})
        self.timer.time(times, "input_grad", partial(self.stage.input_grad, 0, grad))
        self.timer.time(times, "weight_grad", partial(self.stage.weight_grad, 0))

    def _forward(self, rows: int, times: Timings) -> torch.Tensor | None:
        """Returns a gradient for the way back."""
        spec, take = self.stage.spec, self.timer.device.take
        inputs = take(_batch(spec.facts[0].inputs, rows))
        if not spec.is_last:
            self.timer.time(times, "forward", partial(self.stage.forward, Moment(), inputs))
            return take(_batch(spec.outputs, rows))
        task = self.request.task
        targets = take(_batch(TASKS[task.kind].targets(spec.outputs), rows))
        forward = partial(self.stage.forward_loss, Moment(), inputs, targets, Loss(task), 1.0)
        self.timer.time(times, "forward", forward)
        return None


def _spec(request: ProbeRequest, block: int) -> StageSpec:
    """A stage of that one block, at its place in the model."""
    before, after = block > 0, block < len(request.facts) - 1
    own = request.facts[block : block + 1]
    count = 1 + before + after
    return StageSpec(request.model, int(before), count, block, block + 1, own)


def _batch(sample: TensorSpec, rows: int) -> torch.Tensor:
    if sample.dtype == "float32":
        return torch.rand(rows, *sample.shape)
    return torch.zeros(rows, *sample.shape, dtype=DTYPES[sample.dtype])


def _measure(
    probes: Sequence[_BlockProbe], request: ProbeRequest, deadline: float
) -> dict[int, dict[int, Timings]]:
    """By block and rows. The blocks take turns, so that each finds the caches as in training."""
    found: dict[int, dict[int, Timings]] = {p.index: {} for p in probes}
    round_per_row_s = 0.0
    for rows in dict.fromkeys(request.rows):
        left_s = deadline - time.perf_counter()
        if not round_per_row_s:
            first_end = time.perf_counter() + FIRST_SHARE * left_s
            round_per_row_s = _rounds(probes, rows, first_end, found) / rows
            _split_rounds(probes, rows, first_end, found)
        elif WARM_UP_AND_ROUND * round_per_row_s * rows < left_s:
            _rounds(probes, rows, deadline, found)
    return found


def _rounds(
    probes: Sequence[_BlockProbe],
    rows: int,
    deadline: float,
    found: dict[int, dict[int, Timings]],
) -> float:
    """As many rounds as there is time for, after one to warm up; returns the seconds of one.

    Each has an update and two microbatches, because the first one of a step makes new gradients and
    the others add to them.
    """
    for probe_ in probes:
        probe_.stage.start_session(probe_.request.recipe)
        probe_.microbatch(probe_.rows(rows), {})
    took_s: list[float] = []
    while len(took_s) < MAX_ROUNDS:
        begin = time.perf_counter()
        for probe_ in probes:
            own_rows = probe_.rows(rows)
            times = found[probe_.index].setdefault(own_rows, {})
            probe_.timer.time(times, "update", partial(probe_.stage.update, 0.0))
            probe_.microbatch(own_rows, times, "first_backward")
            probe_.microbatch(own_rows, times)
        took_s.append(time.perf_counter() - begin)
        if time.perf_counter() + min(took_s) > deadline:
            break
    return min(took_s)


def _split_rounds(
    probes: Sequence[_BlockProbe],
    rows: int,
    deadline: float,
    found: dict[int, dict[int, Timings]],
) -> None:
    """The halves of a split backward pass; the first round warms up."""
    for probe_ in probes:
        probe_.stage.start_session(probe_.request.recipe, splits_backward=True)
        probe_.split_microbatch(probe_.rows(rows), {})
    for _ in range(SPLIT_ROUNDS):
        for probe_ in probes:
            own_rows = probe_.rows(rows)
            probe_.split_microbatch(own_rows, found[probe_.index][own_rows])
        if time.perf_counter() > deadline:
            break


def _profile(
    probe_: _BlockProbe,
    points: dict[int, Timings],
    request: ProbeRequest,
    overhead: StageOverhead,
) -> BlockProfile:
    split = next(times for times in points.values() if "input_grad" in times)
    input_share, weight_share = (
        _usual(split[half]) / _usual(split["backward"]) for half in ("input_grad", "weight_grad")
    )
    found = []
    for rows in sorted(points):
        times = points[rows]
        others = max(0, request.batch_size // rows - 1)
        first_s = _usual(times["first_backward"])
        backward_s = (first_s + others * _usual(times["backward"])) / (1 + others)
        found.append(
            BlockPoint(
                rows,
                BlockTimes(
                    _own(_usual(times["forward"]), overhead.forward_s),
                    _own(backward_s, overhead.backward_s),
                    _own(backward_s * input_share, overhead.backward_s),
                    _own(backward_s * weight_share, overhead.backward_s / 2),
                ),
            )
        )
    updates = [s for times in points.values() for s in times["update"]]
    work = request.works[probe_.index]
    return BlockProfile(work, tuple(found), _own(_usual(updates), overhead.update_s))


def _usual(seconds: Sequence[float]) -> float:
    """Other work on the machine makes some of them longer, and none shorter."""
    return statistics.median_low(seconds)


def _own(seconds: float, overhead_s: float) -> float:
    return max(seconds - overhead_s, SMALLEST_SHARE * seconds)


def _stage_overhead(timer: OperationTimer) -> StageOverhead:
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
    return tuple(_usual(times[name]) for name in ("forward", "backward", "update"))


def _loading(sample: TensorSpec, rows: int, timer: OperationTimer) -> tuple[float, float]:
    """The time to load a microbatch, and to load each of its samples."""
    view, stored = _stored(sample, 2 * rows)
    times: Timings = {}
    for _ in range(LOAD_ROUNDS):
        samples = torch.randperm(2 * rows)[:rows]
        for name, some in (("many", samples), ("one", samples[:1])):
            timer.time(times, name, partial(timer.device.load, view, stored, some))
    one_s, many_s = _usual(times["one"]), _usual(times["many"])
    return one_s, max(0.0, many_s - one_s) / rows


def _stored(sample: TensorSpec, count: int) -> tuple[SampleView, torch.Tensor]:
    """So many samples as most sources store them: pixels, or windows of tokens."""
    if sample.dtype == "float32":
        view = SampleView(sample, Scaling((0.1,), (0.3,), 255.0))
        return view, torch.zeros(count, *sample.shape, dtype=torch.uint8)
    view = SampleView(sample, window=Window(math.prod(sample.shape), 1))
    return view, torch.zeros(count + math.prod(sample.shape), dtype=torch.uint8)


def _matmul_flops_per_s(timer: OperationTimer) -> float:
    """The best of some products of square matrices."""
    left, right = timer.device.take(torch.rand(2, MATMUL_SIZE, MATMUL_SIZE))
    times: Timings = {}
    for _ in range(MATMUL_ROUNDS):
        timer.time(times, "matmul", partial(torch.mm, left, right))
    return 2 * MATMUL_SIZE**3 / min(times["matmul"])
