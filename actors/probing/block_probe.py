"""Measures the blocks of a model, each as a stage of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from actors.core.model.model_spec import DTYPES, TensorSpec
from actors.core.model.randomness import Moment
from actors.core.stages.profiles import BlockPoint, BlockProfile, BlockTimes, StageOverhead
from actors.core.stages.specs import StageSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.registry import TASKS
from actors.probing.operation_timer import OperationTimer, Timings, usual_s
from actors.probing.probe_request import ProbeRequest

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
SMALLEST_SHARE = 0.05
"""At least this share of a layer's measured time is its own, however large the overhead seems."""


def measured_blocks(
    request: ProbeRequest, overhead: StageOverhead, timer: OperationTimer, deadline: float
) -> tuple[BlockProfile, ...]:
    """Of one block of each kind, or of some of very many. Groups of them are measured one after the
    other, each with its share of the time that is left until the ``deadline``."""
    groups = _in_turns(request, _chosen(request))
    found: list[BlockProfile] = []
    for number, group in enumerate(groups):
        now = time.perf_counter()
        end = now + (deadline - now) / (len(groups) - number)
        probes = [_BlockProbe(request, index, timer) for index in group]
        points = _measure(probes, request, end)
        found += [_profile(p, points[p.index], request, overhead) for p in probes]
    return tuple(found)


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
    for probe in probes:
        probe.stage.start_session(probe.request.recipe)
        probe.microbatch(probe.rows(rows), {})
    took_s: list[float] = []
    while len(took_s) < MAX_ROUNDS:
        begin = time.perf_counter()
        for probe in probes:
            own_rows = probe.rows(rows)
            times = found[probe.index].setdefault(own_rows, {})
            probe.timer.time(times, "update", partial(probe.stage.update, 0.0))
            probe.microbatch(own_rows, times, "first_backward")
            probe.microbatch(own_rows, times)
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
    for probe in probes:
        probe.stage.start_session(probe.request.recipe, splits_backward=True)
        probe.split_microbatch(probe.rows(rows), {})
    for _ in range(SPLIT_ROUNDS):
        for probe in probes:
            own_rows = probe.rows(rows)
            probe.split_microbatch(own_rows, found[probe.index][own_rows])
        if time.perf_counter() > deadline:
            break


def _profile(
    probe: _BlockProbe,
    points: dict[int, Timings],
    request: ProbeRequest,
    overhead: StageOverhead,
) -> BlockProfile:
    split = next(times for times in points.values() if "input_grad" in times)
    input_share, weight_share = (
        usual_s(split[half]) / usual_s(split["backward"]) for half in ("input_grad", "weight_grad")
    )
    found = []
    for rows in sorted(points):
        times = points[rows]
        others = max(0, request.batch_size // rows - 1)
        first_s = usual_s(times["first_backward"])
        backward_s = (first_s + others * usual_s(times["backward"])) / (1 + others)
        found.append(
            BlockPoint(
                rows,
                BlockTimes(
                    _own(usual_s(times["forward"]), overhead.forward_s),
                    _own(backward_s, overhead.backward_s),
                    _own(backward_s * input_share, overhead.backward_s),
                    _own(backward_s * weight_share, overhead.backward_s / 2),
                ),
            )
        )
    updates = [s for times in points.values() for s in times["update"]]
    work = request.works[probe.index]
    return BlockProfile(work, tuple(found), _own(usual_s(updates), overhead.update_s))


def _own(seconds: float, overhead_s: float) -> float:
    return max(seconds - overhead_s, SMALLEST_SHARE * seconds)
