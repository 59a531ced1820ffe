"""The end of a dead link that the next generation leaves out."""

from __future__ import annotations

import pytest

from orchestrator.sessions.recovery.group_failure import DeadLink, choose_end


@pytest.mark.parametrize(
    ("silent", "chosen"),
    [
        ([(0, 1)], DeadLink(dropped=1, kept=0)),
        ([(1, 0)], DeadLink(dropped=1, kept=0)),
        ([(1, 2), (2, 1)], DeadLink(dropped=2, kept=1)),
        ([(2, 0)], DeadLink(dropped=2, kept=0)),  # the way of the last stage's copies
        ([(0, 1), (1, 0), (2, 1), (1, 2)], DeadLink(dropped=1, kept=0)),  # reaches nobody
        ([(0, 1), (0, 2)], DeadLink(dropped=0, kept=1)),
    ],
)
def test_the_stage_with_most_dead_links_is_left_out_or_else_the_later_one(
    silent: list[tuple[int, int]], chosen: DeadLink
) -> None:
    assert choose_end(silent) == chosen
