"""How long a device is left out after a failure."""

from __future__ import annotations

from orchestrator.sessions.members.suspects import Suspects
from orchestrator.sessions.recovery.group_failure import Suspect


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_device_is_left_out_for_a_minute_and_longer_each_time() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    assert not suspects.left_out(1)
    for span_s in (60.0, 120.0, 240.0):
        suspects.add(Suspect(1))
        clock.now_s += span_s - 0.1
        assert suspects.left_out(1) and not suspects.left_out(2)
        clock.now_s += 0.2
        assert not suspects.left_out(1)


def test_a_device_that_is_needed_has_its_turn_sooner() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    for span_s in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        suspects.add(Suspect(1))
        clock.now_s += span_s - 0.1
        assert suspects.left_out(1, is_needed=True) and suspects.left_out(1)
        clock.now_s += 0.2
        assert not suspects.left_out(1, is_needed=True)


def test_a_device_that_has_failed_thousands_of_times_is_left_out_no_longer_than_a_day() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    for _ in range(3000):
        suspects.add(Suspect(1, peer_id=2))
    assert suspects.left_out(1)
    suspects.clear_link(1)
    assert not suspects.left_out(1) and not suspects.left_out(1, is_needed=True)
    suspects.add(Suspect(1))
    clock.now_s += 61.0
    assert not suspects.left_out(1, is_needed=True) and suspects.left_out(1)
    clock.now_s += 86_400.0
    assert not suspects.left_out(1)


def test_a_dead_link_counts_until_it_is_seen_to_be_back() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    suspects.add(Suspect(2, peer_id=1))
    clock.now_s += 61.0
    assert not suspects.left_out(2) and suspects.left_out(2, is_needed=True)
    assert suspects.peer_of(2) == 1 and suspects.peer_of(1) is None
    suspects.add(Suspect(2, peer_id=1))
    suspects.clear_link(2)
    assert not suspects.left_out(2) and not suspects.left_out(2, is_needed=True)
    assert suspects.peer_of(2) is None
    suspects.add(Suspect(2))  # the third time
    clock.now_s += 239.0
    assert suspects.left_out(2)
