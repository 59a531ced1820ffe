"""Rows that are drawn, not read."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from actors.core.rows.drawn_rows import DrawnRows


@pytest.mark.parametrize(("dtype", "tokens"), [("uint8", 0), ("float32", 0), ("int64", 50)])
def test_a_row_is_the_same_alone_and_among_others(dtype: str, tokens: int) -> None:
    rows = DrawnRows(10_000, (3, 200, 200), dtype, tokens, 10, 5, 0)
    some = np.array([9_999, 3, 3, 0])
    drawn = rows.rows(some)
    alone = [rows.rows(some[i : i + 1])[0] for i in range(len(some))]
    assert all(np.array_equal(one, other) for one, other in zip(drawn, alone, strict=True))
    assert not np.array_equal(drawn[0], drawn[1])


def test_drawing_takes_little_more_than_what_is_drawn() -> None:
    rows = DrawnRows(10_000, (3, 128, 128), "uint8", 0, 10, 0, 0)
    samples = np.arange(300)
    tracemalloc.start()
    drawn = rows.rows(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < drawn.nbytes + 10 * 2**20
