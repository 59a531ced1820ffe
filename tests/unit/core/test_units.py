from __future__ import annotations

import pytest

from actors.core.units import size_text, time_text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(999, "999 bytes"), (1_000, "1.0 kB"), (2.5e6, "2.5 MB"), (3e12, "3000.0 GB")],
)
def test_a_size_has_the_unit_that_fits(num_bytes: float, text: str) -> None:
    assert size_text(num_bytes) == text


def test_a_time_is_that_of_utc_with_milliseconds() -> None:
    assert time_text(0) == "1970-01-01T00:00:00.000+00:00"
    assert time_text(1_767_323_045_678) == "2026-01-02T03:04:05.678+00:00"
