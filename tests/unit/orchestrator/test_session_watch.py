from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.core.records import StepRecord
from actors.reports import Progress, Seen, StageReport, StageSeconds
from orchestrator.sessions.session_watch import SessionWatch, _Heartbeat


def report(*losses: float) -> StageReport:
    """Of a stage that has new steps to tell."""
    steps = tuple(StepRecord(1, step, loss) for step, loss in enumerate(losses, start=1))
    return StageReport(Progress(), (), steps, StageSeconds(), 0, 0, 0)


def test_what_is_told_before_every_stage_has_begun_is_not_lost() -> None:
    published: list[Sequence[StageReport]] = []
    group: Any = None
    watch = SessionWatch(group, [], 4.0, published.append)
    first, last = watch._beats = [_Heartbeat(None, 0.0), _Heartbeat(None, 0.0)]
    last.take(report(0.5))
    watch._publish()
    assert published == []
    last.take(report(0.25))
    first.take(report())
    watch._publish()
    assert [step.loss for step in published[0][-1].steps] == [0.5, 0.25]
    last.take(report(0.125))
    watch._publish()
    assert [step.loss for step in published[1][-1].steps] == [0.125]
    assert last.seen == Seen(0, 3)
