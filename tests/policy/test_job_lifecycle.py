"""The page on a job's life says what the table of moves says."""

from __future__ import annotations

from pathlib import Path

from orchestrator.jobs.job_lifecycle import TRANSITIONS, Event, Status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "job_lifecycle.md"
DELETING = {Event.DELETE, Event.FORCE_DELETE}


def documented() -> dict[tuple[str, str], str]:
    """(status, event) -> what the page's table says."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ")
    ]
    head, *body = rows
    return {(s, row[0]): cell for row in body for s, cell in zip(head[1:], row[1:], strict=True)}


def test_the_page_has_every_move_and_no_other() -> None:
    expected = {}
    for status in Status:
        for event in Event:
            after = TRANSITIONS.get((status, event))
            shown = "–" if after is None else "gone" if event in DELETING else after.value
            expected[status.value, event.value] = shown
    assert documented() == expected
