"""The losses of a job's steps, of which there may be millions: of each part of them the smallest
and the largest, found in an index that has them."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from orchestrator.store.log.entries import ROLLED_BACK, STEP, STEPS, LogEntry, LogPart, Place
from orchestrator.store.log.log_rows import COLUMNS, entries_of, read

ROLL_BACKS = f"""
    SELECT seq, epoch, step FROM log WHERE job_id = :job_id AND kind = '{ROLLED_BACK}'
    AND seq < :before_seq ORDER BY seq"""
LAST_BEFORE = f"""
    SELECT seq, epoch, step FROM log NOT INDEXED WHERE seq <= :seq AND job_id = :job_id
    AND kind = '{STEP}' ORDER BY seq DESC LIMIT 1"""
CHOSEN = f"SELECT {COLUMNS} FROM log WHERE seq IN (SELECT value FROM json_each(:seqs)) ORDER BY seq"
_BEYOND = 2**62


@dataclass(frozen=True)
class RollBack:
    """What was told before ``seq`` of what lies beyond ``place`` does not count."""

    seq: int
    place: Place


def read_extremes(
    connection: Connection, job_id: str, bounds: Sequence[Place], before_seq: int | None
) -> list[LogEntry]:
    """Of the steps between each two of the rising ``bounds``, the first one left out, the two with
    the smallest and the largest loss; in order."""
    end = _BEYOND if before_seq is None else before_seq
    told = _roll_backs(connection, job_id, end)
    cursor = connection.connection.cursor()  # a call of it is a tenth of SQLAlchemy's
    seqs: set[int] = set()
    for begin, last in itertools.pairwise(bounds):
        within = [back for back in told if begin < back.place < last]
        # A later one to an earlier place says all that these say.
        least_seq = max((back.seq for back in told if back.place <= begin), default=-1)
        values: dict[str, Any] = {
            "job_id": job_id,
            "from_epoch": begin[0],
            "from_step": begin[1],
            "to_epoch": last[0],
            "to_step": last[1],
            "least_seq": least_seq,
            "end": end,
        }
        for number, back in enumerate(within):
            values[f"seq_{number}"] = back.seq
            values[f"epoch_{number}"], values[f"step_{number}"] = back.place
        for which in ("min", "max"):
            cursor.execute(_extreme(which, len(within)), values)
            row = cursor.fetchone()
            assert row is not None, "an aggregate has a row"
            if row[1] is not None:
                seqs.add(row[1])
    cursor.close()
    return entries_of(connection, CHOSEN, {"seqs": json.dumps(sorted(seqs))})


def read_place_after(connection: Connection, job_id: str, seq: int) -> Place:
    """That beyond which lie the steps told after ``seq``; ``(0, 0)`` where all do."""
    found = connection.exec_driver_sql(LAST_BEFORE, {"seq": seq, "job_id": job_id}).first()
    if found is None:
        return 0, 0
    told = _roll_backs(connection, job_id, _BEYOND)
    later = [back.place for back in told if back.seq > found.seq]
    return min([(found.epoch, found.step), *later])


def read_last_steps(
    connection: Connection, job_id: str, epochs: Sequence[int], part: LogPart
) -> dict[int, int]:
    """How many steps those epochs have, of which no end was told; those without any are left
    out."""
    found = {}
    for epoch in epochs:
        for entry in _last_of(connection, job_id, epoch, part):
            found[epoch] = entry.place[1]
    return found


def _last_of(connection: Connection, job_id: str, epoch: int, part: LogPart) -> Sequence[LogEntry]:
    end = min(part.back_to or (_BEYOND, 0), (epoch + 1, 0))
    last = read(connection, job_id, STEPS, LogPart(None, 1, part.before_seq, end))
    return [entry for entry in last if entry.epoch == epoch]


def _roll_backs(connection: Connection, job_id: str, before_seq: int) -> list[RollBack]:
    """Those that count, by rising seq, and so by rising place."""
    rows = connection.exec_driver_sql(ROLL_BACKS, {"job_id": job_id, "before_seq": before_seq})
    found: list[RollBack] = []
    for seq, epoch, step in rows:
        while found and found[-1].place >= (epoch, step):
            found.pop()
        found.append(RollBack(seq, (epoch, step)))
    return found


@functools.cache
def _extreme(which: str, num_within: int) -> str:
    """SQLite takes ``seq`` from the row that has the smallest or largest."""
    taken_back = "".join(
        f" AND (seq >= :seq_{n} OR (epoch, step) <= (:epoch_{n}, :step_{n}))"
        for n in range(num_within)
    )
    return f"""
        SELECT {which}(loss), seq FROM log INDEXED BY log_by_place
        WHERE job_id = :job_id AND kind = '{STEP}'
        AND (epoch, step) > (:from_epoch, :from_step) AND (epoch, step) <= (:to_epoch, :to_step)
        AND seq >= :least_seq AND seq < :end{taken_back}"""
