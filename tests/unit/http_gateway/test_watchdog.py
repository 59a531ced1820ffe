"""Reactions to a silent JobManager and a lost head, by the test's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from http_gateway.process.manager_monitor import ManagerMonitor, MonitorVerdict, Ping
from http_gateway.process.watchdog import Watchdog

ANSWERED, SILENT, ENDED = Ping.ANSWERED, Ping.SILENT, Ping.ENDED
NOTHING, KILL, GONE = MonitorVerdict.NOTHING, MonitorVerdict.KILL_MANAGER, MonitorVerdict.HEAD_GONE


def verdicts(looks: Sequence[tuple[bool, Ping]]) -> list[MonitorVerdict]:
    """The watch's verdict after each look, with pings of two seconds."""
    watch = ManagerMonitor()
    return [watch.look(listens, ping, 2.0) for listens, ping in looks]


def with_head(*pings: Ping) -> list[MonitorVerdict]:
    return verdicts([(True, ping) for ping in pings])


def test_a_job_manager_that_is_silent_for_ten_seconds_is_killed() -> None:
    assert with_head(*[SILENT] * 5) == [NOTHING] * 4 + [KILL]


def test_it_is_given_as_long_again_to_come_back() -> None:
    assert with_head(*[SILENT] * 11) == [*[NOTHING] * 4, KILL] * 2 + [NOTHING]


@pytest.mark.parametrize("sign", [ANSWERED, ENDED])
def test_a_sign_of_life_or_death_ends_the_silence(sign: Ping) -> None:
    assert with_head(*[SILENT] * 4, sign, *[SILENT] * 4) == [NOTHING] * 9


def test_one_that_has_ended_is_left_to_ray() -> None:
    assert with_head(*[ENDED] * 50) == [NOTHING] * 50


@pytest.mark.parametrize("ping", Ping)
def test_a_head_that_does_not_listen_three_times_is_gone(ping: Ping) -> None:
    assert verdicts([(False, ping)] * 4) == [NOTHING, NOTHING, GONE, GONE]


def test_a_head_that_listens_in_between_is_there() -> None:
    assert verdicts([(False, ENDED)] * 2 + [(True, ANSWERED)] + [(False, ENDED)] * 2) == (
        [NOTHING] * 5
    )


def test_the_silence_of_a_head_that_is_gone_is_not_the_job_managers() -> None:
    looks = [(True, SILENT)] * 4 + [(False, SILENT)] + [(True, SILENT)] * 4
    assert verdicts(looks) == [NOTHING] * 9


@dataclass
class Host:
    """A JobManager, a head and a clock; a silent JobManager takes ``wait_s`` to be given up."""

    ping_answers: Ping = ANSWERED
    listens: bool = True
    wait_s: float = 2.0
    now: float = 100.0
    kills: int = 0
    said: list[str] = field(default_factory=list)

    def ping(self, timeout_s: float) -> Ping:
        assert timeout_s == 2.0
        self.now += self.wait_s if self.ping_answers is SILENT else 0.0
        return self.ping_answers

    def kill(self) -> None:
        self.kills += 1

    def watchdog(self) -> Watchdog:
        return Watchdog(self, lambda: self.listens, self.said.append, lambda: self.now)


def test_a_frozen_job_manager_is_killed_once_with_a_line_that_says_so() -> None:
    host = Host(SILENT)
    watchdog = host.watchdog()
    for _ in range(5):
        watchdog.look()
    assert (host.kills, host.now) == (1, 110.0)
    (line,) = host.said
    assert "has not answered for 10 s" in line and "Ray starts it again" in line
    assert not watchdog.head_gone.is_set()


def test_a_gateway_that_was_asleep_does_not_blame_the_job_manager() -> None:
    host = Host(SILENT, wait_s=3600.0)
    watchdog = host.watchdog()
    assert watchdog.look() is NOTHING
    host.ping_answers = ANSWERED
    assert (watchdog.look(), host.kills) == (NOTHING, 0)


def test_a_head_that_is_gone_is_told_to_the_gateway() -> None:
    host = Host(ENDED, listens=False)
    watchdog = host.watchdog()
    assert [watchdog.look() for _ in range(3)][-1] is GONE
    assert watchdog.head_gone.is_set() and (host.kills, host.said) == (0, [])


def test_it_looks_by_itself_until_it_is_stopped() -> None:
    host = Host(ENDED, listens=False)
    watchdog = host.watchdog()
    watchdog._monitor.head_misses = 1
    watchdog.start()
    assert watchdog.head_gone.wait(10)
    watchdog.stop()
    assert not watchdog._thread.is_alive()
