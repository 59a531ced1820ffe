from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.core.progress.records import TrainedStep
from actors.loop.reports import Progress, Seen, StageReport, StageSeconds
from orchestrator.sessions.session_watch import SessionWatch, _Heartbeat


def report(*losses: float) -> StageReport:
    """The report of a stage that has new steps."""
    steps = tuple(TrainedStep(1, step, loss) for step, loss in enumerate(losses, start=1))
    return StageReport(Progress(), (), steps, StageSeconds(), 0, 0, 0)


def test_what_is_told_is_published_at_once_though_a_stage_has_not_begun() -> None:
    published: list[Sequence[StageReport]] = []
    group: Any = None
    watch = SessionWatch(group, [], 4.0, published.append)
    first, last = watch._beats = [_Heartbeat(None, 0.0), _Heartbeat(None, 0.0)]
    watch._publish()
    assert published == []
    last.take(report(0.5))
    watch._publish()
    last.take(report(0.25))
    first.take(report())
    watch._publish()
    assert [[step.loss for step in told[-1].steps] for told in published] == [[0.5], [0.25]]
    watch._publish()
    assert published[-1][-1].steps == () and last.seen == Seen(0, 2)
