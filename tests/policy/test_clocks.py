"""Nothing waits by the wall clock: it may be set an hour ahead or back at any moment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("actors", "orchestrator", "http_gateway")
WALL_CLOCK = {
    *(f"time.{name}" for name in ("time", "time_ns", "ctime", "gmtime", "localtime", "strftime")),
    *(f"datetime.{name}" for name in ("now", "utcnow", "today")),
    "date.today",
}
ALLOWED = {
    # The doctor compares the clocks of the nodes.
    ("orchestrator/doctor/checkup.py", "time.time"),
    ("orchestrator/doctor/examiners.py", "time.time"),
    # For people: nothing is ordered, and nothing waits, by these.
    ("orchestrator/checkpoints/checkpoint_store.py", "datetime.now"),
    ("orchestrator/store/log/log_numbers.py", "time.time_ns"),
    # A request's key is forgotten after a day, also if the host was restarted in the meantime.
    ("orchestrator/store/requests/clock.py", "time.time"),
    # A browser's session ends after a week, also if the gateway was started again meanwhile.
    ("http_gateway/access/access_control.py", "time.time"),
    # Whether a file was replaced: compared only for equality, with its size and inode.
    ("actors/core/rows/data_files.py", "found.st_mtime_ns"),
}


def wall_clock_readings() -> Iterator[tuple[str, str]]:
    """File and name of whatever reads the wall clock."""
    for path in sorted(p for floor in FLOORS for p in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                name = ".".join(ast.unparse(node).split(".")[-2:])
                if name in WALL_CLOCK or node.attr in ("st_mtime", "st_mtime_ns", "getmtime"):
                    yield str(path.relative_to(ROOT)), name
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                for alias in node.names:
                    if f"time.{alias.name}" in WALL_CLOCK:
                        yield str(path.relative_to(ROOT)), f"time.{alias.name}"


def test_heartbeats_leases_deadlines_and_intervals_use_a_monotonic_clock() -> None:
    assert set(wall_clock_readings()) == ALLOWED
