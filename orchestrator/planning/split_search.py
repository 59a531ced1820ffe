"""The fastest split of layers over devices in a fixed order, by a dynamic programme.

The step time is the bound of ``docs/planner.md``: with M microbatches, t_i the seconds stage i is
busy for one of them, w_j the wire between stages j and j + 1 both ways, and u_i its update,

    T = max( max_i [ M t_i + sum_{j<i} (t_j + w_j) + u_i ], sum_j (t_j + w_j) )

Take a T. There may be many ways to put the first k layers on the first i devices within T. For all
that follows, the one with the least sum of (t_j + w_j) is as good as any. So one pass over stages
and cuts shows whether T can be reached, and bisection finds the least T.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.planning.block_costs import Floats

TOLERANCE = 1e-4
"""How close to the least step time the search comes, as a share of it; measurements are coarser."""
GROWTH = 1.3

Ints = npt.NDArray[np.int64]
Cuts = tuple[int, ...]
"""0, the first layer of each further stage, and the number of layers."""


@dataclass(frozen=True)
class StageTables:
    """One device, as differences of tables over cuts 0 … L: what layers ``[a, b)`` take is
    ``…_end[b] - …_start[a]``. ``compute`` rises with the cut and is part of ``busy``; ``wire`` is
    that behind the stage. ``room`` is the memory it offers.
    """

    compute: Floats
    busy_end: Floats
    busy_start: Floats
    update_end: Floats
    update_start: Floats
    wire: Floats
    memory_end: Floats
    memory_start: Floats
    room: float

    def memory(self, start: int, end: int) -> float:
        """Bytes of layers ``[start, end)``."""
        return float(self.memory_end[end] - self.memory_start[start])


@dataclass(frozen=True)
class SplitProblem:
    """The layers to split, and the devices in their order."""

    stages: tuple[StageTables, ...]
    num_layers: int
    num_microbatches: int

    def step_s(self, cuts: Cuts) -> float:
        """The bound for this split."""
        done, worst = 0.0, 0.0
        for stage, start, end in zip(self.stages, cuts, cuts[1:], strict=False):
            busy = float(stage.busy_end[end] - stage.busy_start[start])
            update = float(stage.update_end[end] - stage.update_start[start])
            worst = max(worst, done + self.num_microbatches * busy + update)
            done += busy + float(stage.wire[end])
        return max(worst, done)

    def fits(self, cuts: Cuts) -> bool:
        """Whether each device has the memory for its layers."""
        ranges = zip(self.stages, cuts, cuts[1:], strict=False)
        return all(stage.memory(start, end) <= stage.room for stage, start, end in ranges)

    def all_cuts(self) -> Iterator[Cuts]:
        """Every split there is."""
        inner = range(1, self.num_layers)
        for chosen in itertools.combinations(inner, len(self.stages) - 1):
            yield (0, *chosen, self.num_layers)


def best_split(problem: SplitProblem, tolerance: float = TOLERANCE) -> Cuts | None:
    """The split with the least step time; None where none fits the devices' memory."""
    if roomiest_split(problem, 1.0) is None:
        return None
    low, bound = 0.0, _lower_bound(problem)
    found = _split_within(problem, bound)
    while found is None:
        low, bound = bound, bound * GROWTH
        found = _split_within(problem, bound)
    high = problem.step_s(found)
    while high - low > tolerance * high:
        middle = (low + high) / 2
        better = _split_within(problem, middle)
        if better is None:
            low = middle
        else:
            found, high = better, min(middle, problem.step_s(better))
    return found


def roomiest_split(problem: SplitProblem, share: float) -> Cuts | None:
    """Some split that fits when each device offered ``share`` times its memory; None: there is
    none. O(devices x layers)."""
    num_layers = problem.num_layers
    reached = np.full(num_layers + 1, -np.inf)
    reached[0] = 0.0
    choices = []
    for index, stage in enumerate(problem.stages):
        offered = np.where(np.isfinite(reached), stage.memory_start, -np.inf)
        best = np.maximum.accumulate(offered)[:-1]
        at = np.maximum.accumulate(np.where(offered[:-1] >= best, np.arange(num_layers), 0))
        fits = (stage.memory_end[1:] - best <= stage.room * share) & np.isfinite(best)
        reached = np.concatenate([[-np.inf], np.where(fits, 0.0, -np.inf)])
        reached[: index + 1] = -np.inf
        choices.append(np.concatenate([[0], at]))
    return _trace(choices, num_layers) if np.isfinite(reached[num_layers]) else None


def closest_split(problem: SplitProblem) -> Cuts:
    """If no split fits: the one whose devices lack the least, as a share of what they offer."""
    low, high = 1.0, 2.0
    while (found := roomiest_split(problem, high)) is None:
        low, high = high, high * 2
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        better = roomiest_split(problem, middle)
        if better is None:
            low = middle
        else:
            found, high = better, middle
    return found


def _lower_bound(problem: SplitProblem) -> float:
    """No split is quicker: each layer where it is quickest, evenly over all devices."""
    layers = np.array([np.diff(stage.compute) for stage in problem.stages]).min(axis=0)
    total = float(layers.sum()) * problem.num_microbatches
    return max(total / len(problem.stages), 1e-12)


def _split_within(problem: SplitProblem, limit_s: float) -> Cuts | None:
    """A split whose step takes at most ``limit_s``; None if there is none."""
    num_layers, num_stages = problem.num_layers, len(problem.stages)
    done: Floats = np.full(num_layers + 1, np.inf)
    done[0] = 0.0
    choices = []
    for index, stage in enumerate(problem.stages):
        ends = np.arange(index + 1, num_layers - (num_stages - 1 - index) + 1)
        starts = _best_starts(_Starts.of(problem, stage, done, index, limit_s), ends)
        reached = ends[starts >= 0]
        starts = starts[starts >= 0]
        if not len(reached):
            return None
        busy = stage.busy_end[reached] - stage.busy_start[starts]
        sums = done[starts] + busy + stage.wire[reached]
        done = np.full(num_layers + 1, np.inf)
        done[reached] = sums
        choice = np.zeros(num_layers + 1, dtype=np.int64)
        choice[reached] = starts
        choices.append(choice)
    return _trace(choices, num_layers) if done[num_layers] <= limit_s else None


@dataclass(frozen=True)
class _Starts:
    """The possible starts of a stage, by cut. ``value`` should be small. For an end e, ``slow``
    must be at most ``allowed[e]`` (the time) and ``memory`` at least ``needed[e]``. ``first`` is
    the first."""

    value: Floats
    slow: Floats
    memory: Floats
    allowed: Floats
    needed: Floats
    first: int

    @classmethod
    def of(
        cls, problem: SplitProblem, stage: StageTables, done: Floats, first: int, limit_s: float
    ) -> _Starts:
        count = problem.num_microbatches
        return cls(
            done - stage.busy_start,
            done - count * stage.busy_start - stage.update_start,
            np.where(np.isfinite(done), stage.memory_start, -np.inf),
            limit_s - count * stage.busy_end - stage.update_end,
            stage.memory_end - stage.room,
            first,
        )


def _best_starts(starts: _Starts, ends: Ints) -> Ints:
    """For each end the allowed start before it with the least value; -1 if there is none.

    Between the first and the last start that are fast enough usually all are, and the least value
    of that stretch is looked up at once. If it is not allowed, every start is tried.
    """
    most = len(starts.value) - 1
    quickest_so_far = np.minimum.accumulate(starts.slow)
    quickest_from_here = np.minimum.accumulate(starts.slow[::-1])[::-1]
    roomiest_so_far = np.maximum.accumulate(starts.memory)
    allowed, needed = starts.allowed[ends], starts.needed[ends]
    low = np.searchsorted(-quickest_so_far, -allowed)
    low = np.maximum(low, np.searchsorted(roomiest_so_far, needed))
    low = np.maximum(low, starts.first)
    high = np.minimum(np.searchsorted(quickest_from_here, allowed, side="right"), ends) - 1
    found = np.full(len(ends), -1)
    some = np.flatnonzero(low <= high)
    if len(some):
        found[some] = _range_argmin(starts.value, low[some], np.minimum(high[some], most))
    refused = some[
        (starts.slow[found[some]] > allowed[some]) | (starts.memory[found[some]] < needed[some])
    ]
    for i in refused:
        stretch = slice(low[i], high[i] + 1)
        fits = (starts.slow[stretch] <= allowed[i]) & (starts.memory[stretch] >= needed[i])
        values = np.where(fits, starts.value[stretch], np.inf)
        best = int(values.argmin())
        found[i] = low[i] + best if np.isfinite(values[best]) else -1
    return found


def _range_argmin(values: Floats, low: Ints, high: Ints) -> Ints:
    """The position of the least value of each ``[low, high]``, by a table of stretches of 1, 2, 4,
    …"""
    levels = [np.arange(len(values))]
    longest = int((high - low).max()) + 1
    while 2 ** len(levels) <= longest:
        half = 2 ** (len(levels) - 1)
        left, right = levels[-1], np.append(levels[-1][half:], levels[-1][-half:])
        levels.append(np.where(values[right] < values[left], right, left))
    table = np.stack(levels)
    level = np.log2(high - low + 1).astype(np.int64)
    left, right = table[level, low], table[level, high + 1 - 2**level]
    least: Ints = np.where(values[right] < values[left], right, left)
    return least


def _trace(choices: list[Ints], num_layers: int) -> Cuts:
    """Back from the last stage's end."""
    cuts = [num_layers]
    for choice in reversed(choices):
        cuts.append(int(choice[cuts[-1]]))
    return tuple(reversed(cuts))
