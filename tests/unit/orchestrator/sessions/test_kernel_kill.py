"""A LayerActor that the kernel has ended for want of memory is told apart, with the evidence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray

from actors.loop.reports import KernelKills, Progress, StageReport, StageSeconds
from orchestrator.sessions import session_watch
from orchestrator.sessions.recovery.group_failure import GroupFailure
from orchestrator.sessions.recovery.kernel_kill import why_ended
from orchestrator.sessions.session_watch import SessionWatch, _Heartbeat

NODE = "its node"


def failure(
    monkeypatch: pytest.MonkeyPatch, last: KernelKills | None, now: KernelKills | None
) -> GroupFailure:
    """Of a stage that ended after its ``last`` answer, by what its node tells ``now``."""
    resolved, device = SimpleNamespace(node=NODE), SimpleNamespace(device_id=2)
    placement = SimpleNamespace(label="device 2", device=device, resolved=resolved)

    def count(node: object) -> KernelKills | None:
        assert node == NODE
        return now

    monkeypatch.setattr(session_watch, "count_kills", count)
    group: Any = SimpleNamespace(placements=[placement])
    watch = SessionWatch(group, [], 1.0, lambda _: None)
    report = None
    if last is not None:
        report = StageReport(Progress(), (), (), StageSeconds(), 0, 0, 0, kills=last)
    watch._beats = [_Heartbeat(None, 0.0, report)]
    return watch._describe(0, ray.exceptions.ActorDiedError())


def test_one_that_the_kernel_ended_is_told_so_and_left_out_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = failure(monkeypatch, KernelKills(None, 3), KernelKills(None, 4))
    assert found.can_recover and found.suspect is not None and found.suspect.device_id == 2
    assert "probably ended by the kernel for want of memory" in found.message
    assert "from 3 to 4" in found.message and "batches" in found.message


@pytest.mark.parametrize(
    ("last", "now"),
    [
        (KernelKills(1, 3), KernelKills(1, 3)),
        (None, KernelKills(1, 4)),
        (KernelKills(None, None), KernelKills(1, 4)),
        (KernelKills(1, 3), None),
        (KernelKills(1, None), KernelKills(None, 4)),
    ],
    ids=["none since", "never answered", "told nothing", "no answer now", "other counts"],
)
def test_without_evidence_it_is_just_gone(
    monkeypatch: pytest.MonkeyPatch, last: KernelKills | None, now: KernelKills | None
) -> None:
    found = failure(monkeypatch, last, now)
    assert found.can_recover and found.suspect is None
    assert found.message.startswith("device 2 is gone")


def test_its_control_group_tells_more_than_its_host() -> None:
    told = why_ended(KernelKills(0, 3), KernelKills(2, 9))
    assert told is not None and "2 processes of its control group" in told
    told = why_ended(KernelKills(2, 3), KernelKills(2, 4))
    assert told is not None and "a process on its host" in told
