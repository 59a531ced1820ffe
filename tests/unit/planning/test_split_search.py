from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.planning.split_search import (
    Cuts,
    SplitProblem,
    StageTables,
    best_split,
    closest_split,
    roomiest_split,
)


def problem(seed: int, num_layers: int, num_devices: int, room: float = np.inf) -> SplitProblem:
    """Layers, devices, links and messages of any sizes; ``room`` is what a device offers on the
    average, as a share of what an equal share of all layers takes."""
    draw = np.random.default_rng(seed)

    def summed(low: float, high: float) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(draw.uniform(low, high, num_layers))])

    weights, cut_bytes = summed(0.1, 1.0), draw.uniform(0.0, 0.3, num_layers + 1)
    stages = []
    for index in range(num_devices):
        is_last = index == num_devices - 1
        sent, returned, wire = draw.uniform(0.0, 0.3, (3, num_layers + 1))
        layers = summed(0.1, 1.0) * draw.uniform(0.5, 4.0)
        update = summed(0.0, 0.2)
        offered = draw.uniform(0.5, 1.5) * room * weights[-1] / num_devices
        stages.append(
            StageTables(
                layers,
                layers + 0.1 + sent * (not is_last),
                layers - returned * (index > 0),
                update,
                update,
                wire * (not is_last),
                weights + cut_bytes,
                weights - cut_bytes,
                offered,
            )
        )
    return SplitProblem(tuple(stages), num_layers, int(draw.integers(1, 9)))


@st.composite
def small_problems(draw: st.DrawFn) -> SplitProblem:
    num_layers = draw(st.integers(1, 9))
    num_devices = draw(st.integers(1, num_layers))
    room = draw(st.sampled_from([np.inf, 4.0, 2.0, 1.2]))
    return problem(draw(st.integers(0, 2**32)), num_layers, num_devices, room)


def shortage(tried: SplitProblem, cuts: Cuts) -> float:
    """The need of the worst-off device, as a share of what it offers."""
    pairs = zip(tried.stages, cuts, cuts[1:], strict=False)
    return max(stage.memory(start, end) / stage.room for stage, start, end in pairs)


@given(small_problems())
@settings(max_examples=300)
def test_no_other_split_that_fits_is_quicker(tried: SplitProblem) -> None:
    fitting = [cuts for cuts in tried.all_cuts() if tried.fits(cuts)]
    found = best_split(tried, tolerance=1e-9)
    if not fitting:
        assert found is None and roomiest_split(tried, 1.0) is None
        return
    assert found is not None and tried.fits(found)
    assert tried.step_s(found) <= min(map(tried.step_s, fitting)) * (1 + 1e-8)


@given(small_problems())
def test_where_nothing_fits_the_split_that_comes_closest_is_named(tried: SplitProblem) -> None:
    if any(tried.fits(cuts) for cuts in tried.all_cuts()):
        return
    least = min(shortage(tried, cuts) for cuts in tried.all_cuts())
    assert shortage(tried, closest_split(tried)) <= least * 1.01


@pytest.mark.parametrize("room", [np.inf, 3.0])
def test_a_thousand_layers_are_split_over_64_devices(room: float) -> None:
    tried = problem(1, 1000, 64, room)
    found = best_split(tried)
    assert found is not None and len(found) == 65 and tried.fits(found)
    assert all(start < end for start, end in itertools.pairwise(found))
