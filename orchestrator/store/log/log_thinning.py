"""What of a job's steps the log forgets: a job that trains for days has millions of them.

Whole stay the first ``KEPT_FIRST``, which ``verify`` trains again, and the latest ``KEPT_LATEST``,
to which a roll-back may go. Of those between, each ``KEPT_EACH``th of an epoch stays, its first and
those that were followed by a validation. Steps of weights that were since drawn anew all go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from orchestrator.store.log.entries import KEPT_FIRST, METRIC, ROLLED_BACK, STEP
from orchestrator.store.log.log_rows import is_live

KEPT_LATEST = 100_000
KEPT_EACH = 100
AT_ONCE = 5_000
"""So many go in one transaction, for which other writes wait some ten milliseconds."""

STEPS = f"FROM log WHERE job_id = :job_id AND kind = '{STEP}'"
# A roll-back to before the first step has taken back every step.
OF_FORMER_WEIGHTS = f"""
    SELECT seq {STEPS} AND seq < (SELECT max(seq) FROM log
        WHERE job_id = :job_id AND kind = '{ROLLED_BACK}' AND (epoch, step) <= (1, 0))"""
FIRST = f"SELECT epoch, step {STEPS} AND {is_live()} ORDER BY epoch, step LIMIT 1 OFFSET :skipped"
LATEST = f"SELECT epoch, step {STEPS} ORDER BY epoch DESC, step DESC LIMIT 1 OFFSET :skipped"
BETWEEN = f"""
    SELECT seq {STEPS}
    AND (epoch, step) > (:first_epoch, :first_step) AND (epoch, step) < (:last_epoch, :last_step)
    AND step != 1 AND step % :each != 0
    AND (epoch, step) NOT IN
        (SELECT epoch, step FROM log WHERE job_id = :job_id AND kind = '{METRIC}')"""


@dataclass(frozen=True)
class DoomedSteps:
    """Those that a query with its values finds."""

    sql: str
    values: dict[str, Any]


def doomed_steps(connection: Connection, job_id: str) -> list[DoomedSteps]:
    """What is to go, for ``delete_some``; nothing of the job may be told meanwhile."""
    own = {"job_id": job_id}
    doomed = [DoomedSteps(OF_FORMER_WEIGHTS, own)]
    first = connection.exec_driver_sql(FIRST, {**own, "skipped": KEPT_FIRST - 1}).first()
    last = connection.exec_driver_sql(LATEST, {**own, "skipped": KEPT_LATEST - 1}).first()
    if first is not None and last is not None and tuple(first) < tuple(last):
        begin = {"first_epoch": first.epoch, "first_step": first.step}
        end = {"last_epoch": last.epoch, "last_step": last.step}
        doomed.append(DoomedSteps(BETWEEN, {**own, **begin, **end, "each": KEPT_EACH}))
    return doomed


def delete_some(connection: Connection, doomed: DoomedSteps) -> bool:
    """Whether there may be more."""
    sql = f"DELETE FROM log WHERE seq IN ({doomed.sql} LIMIT :at_once)"
    values = {**doomed.values, "at_once": AT_ONCE}
    return connection.exec_driver_sql(sql, values).rowcount == AT_ONCE
