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
    """The result of a check, in one sentence with the value and the limit.

    ``remedy`` is a command for ``node``, or for the gateway's host if ``node`` is None. It is None
    if nothing needs fixing.
    """

    level: Level
    check: str
    node: str | None
    text: str
    remedy: str | None = None


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then warnings, otherwise in the given order."""
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.level))


def size_text(num_bytes: int) -> str:
    """Like 512 MiB or 1.5 GiB."""
    return f"{num_bytes / GIB:.1f} GiB" if num_bytes >= GIB else f"{num_bytes / MIB:.0f} MiB"


def strangers_text(folders: Sequence[str]) -> str:
    """Says that these folders have checkpoints of no job; there must be at least one."""
    more = f" and {len(folders) - MAX_FOLDERS} more" if len(folders) > MAX_FOLDERS else ""
    named = ", ".join(folders[:MAX_FOLDERS]) + more
    hold = "hold" if len(folders) > 1 else "holds"
    return f"{named} {hold} checkpoints of no job in this store, such as an earlier store's"
