from __future__ import annotations

from actors.core.progress.session_length import SessionLength, epochs_for


def test_steps_add_up_over_epochs_of_which_the_last_may_be_shorter() -> None:
    for max_steps in (None, 1, 5, 6, 7, 12, 100):
        length = SessionLength(6, 2, max_steps)
        assert length.total == min(12, max_steps or 12)
        assert sum(length.of_epoch(epoch) for epoch in range(2)) == length.total
        assert length.at(2, 0) == length.total
    assert SessionLength(6, 2, 8).of_epoch(1) == 2
    assert SessionLength(6, 2, 8).at(1, 1) == 7


def test_epochs_are_as_many_as_steps_need() -> None:
    assert [epochs_for(steps, 6) for steps in (1, 6, 7, 12, 13)] == [1, 1, 2, 2, 3]
