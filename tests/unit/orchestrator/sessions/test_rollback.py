from __future__ import annotations

from actors.copies.snapshot_keeper import HeldSnapshot
from orchestrator.sessions.recovery.rollback import Rollback, plan_rollback

FIRST, SECOND = (0, 2), (2, 3)


def held(*snapshots: tuple[tuple[int, int], tuple[int, int]]) -> list[HeldSnapshot]:
    return [HeldSnapshot(*layers, position) for layers, position in snapshots]


def test_the_newest_position_that_all_stages_have_is_taken() -> None:
    holders = {
        0: held((FIRST, (0, 5)), (FIRST, (0, 10))),
        1: held((SECOND, (0, 0)), (SECOND, (0, 5))),
    }
    assert plan_rollback([FIRST, SECOND], holders) == Rollback((0, 5), (0, 1))


def test_a_lost_stages_snapshot_is_its_neighbours_copy() -> None:
    holders = {1: held((SECOND, (1, 0)), (SECOND, (1, 4)), (FIRST, (1, 0)))}
    assert plan_rollback([FIRST, SECOND], holders) == Rollback((1, 0), (1, 1))


def test_an_epochs_end_comes_before_the_next_epochs_first_step() -> None:
    holders = {0: held((FIRST, (0, 23)), (FIRST, (1, 1)))}
    assert plan_rollback([FIRST], holders) == Rollback((1, 1), (0,))


def test_without_a_common_position_there_is_none() -> None:
    assert plan_rollback([FIRST, SECOND], {0: held((FIRST, (0, 5)))}) is None
    apart = {0: held((FIRST, (0, 5))), 1: held((SECOND, (0, 6)))}
    assert plan_rollback([FIRST, SECOND], apart) is None


def test_snapshots_of_another_cut_do_not_count() -> None:
    assert plan_rollback([(0, 3)], {0: held((FIRST, (0, 5)), (SECOND, (0, 5)))}) is None
