"""One finding of a checkup, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "ok"]
WORST_FIRST: tuple[Level, ...] = ("error", "warning", "ok")
GIB = 2**30
MIB = 2**20
MAX_FOLDERS = 3


@dataclass(frozen=True)
class Finding:
    """What a check found, in one sentence with the value and the limit.

    ``remedy`` is a command for ``node``, or, where that is None, for the gateway's host; None
    where nothing needs mending.
    """

    level: Level
    check: str
    node: str | None
    text: str
    remedy: str | None = None


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then warnings; else as they are."""
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.level))


def size_text(num_bytes: int) -> str:
    """Like 512 MiB or 1.5 GiB."""
    return f"{num_bytes / GIB:.1f} GiB" if num_bytes >= GIB else f"{num_bytes / MIB:.0f} MiB"


def strangers_text(folders: Sequence[str]) -> str:
    """That the folders, of which there is one at least, have checkpoints of no job."""
    more = f" and {len(folders) - MAX_FOLDERS} more" if len(folders) > MAX_FOLDERS else ""
    named = ", ".join(folders[:MAX_FOLDERS]) + more
    hold = "hold" if len(folders) > 1 else "holds"
    return f"{named} {hold} checkpoints of no job in this store, such as an earlier store's"
