"""A curve as a line of blocks, and a lane a device."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from http_gateway.cli.showing.curve import BLOCKS, MAX_VALUES, Curve
from http_gateway.cli.showing.lanes import PARTS, WIDTH, figures, lane
from tests.support.scripted_job_client import STATS


def drawn(values: list[float], width: int) -> str:
    curve = Curve()
    curve.add(values)
    return curve.text(width)


def test_the_highest_block_is_the_largest_value_and_the_lowest_the_smallest() -> None:
    assert drawn([0.0, 1.0, 7.0], 10) == "▁▂█"
    assert drawn([2.5, 2.5], 10) == "▁▁" and drawn([], 10) == ""


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=300), width=st.integers(1, 80))
def test_it_has_a_block_a_value_as_far_as_there_is_room(values: list[float], width: int) -> None:
    text = drawn(values, width)
    assert len(text) == min(width, len(values)) and set(text) <= set(BLOCKS)


def test_a_long_curve_is_kept_short_and_whole() -> None:
    values = [1 / (1 + n / 1000) for n in range(10 * MAX_VALUES + 7)]
    curve = Curve()
    for value in values:
        curve.add([value])
    assert len(curve._values) < MAX_VALUES
    heights = [BLOCKS.index(block) for block in curve.text(60)]
    assert all(a >= b for a, b in pairwise(heights)) and heights[0] == 7 and heights[-1] == 0


def test_a_lane_is_what_happened_since_the_look_before() -> None:
    now = {part: 1.0 for part in PARTS}
    assert lane(now, None).plain == "█" * 6 + "▓" * 6 + "▒" * 6 + "=" * 6 + "·" * 6
    later = {**now, "waiting_s": 3.0}
    assert lane(later, now).plain == "·" * WIDTH
    anew = {**now, "waiting_s": 0.0, "computing_s": 2.0}
    assert lane(anew, now).plain.startswith("█" * 10)  # another session has begun
    assert lane(now, now).plain == lane(now, None).plain
    assert lane({"computing_s": 0.0}, None).plain == ""


def test_figures_that_nobody_tells_are_left_out() -> None:
    assert figures(STATS) == "0.0018 TFLOPs, 50% of peak, 286 MiB"
    assert figures({**STATS, "peak_share": None, "power_w": 31.6}) == (
        "0.0018 TFLOPs, 286 MiB, 32 W"
    )
    assert figures({"total_tflops": 1.5}) == "1.5000 TFLOPs"
