from __future__ import annotations

import logging

import pytest

from actors import log_lines
from actors.log_lines import LogLines


def record(text: str, *values: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("actors.somewhere", level, __file__, 1, text, values, None)


def test_lines_are_kept_until_they_were_seen() -> None:
    lines = LogLines()
    for number in range(3):
        lines.handle(record("line %d", number))
    assert [line.text for line in lines.after(0)] == ["line 0", "line 1", "line 2"]
    assert [line.number for line in lines.after(2)] == [2]
    assert [line.number for line in lines.after(0)] == [2]
    assert lines.after(3) == ()


def test_nobody_who_asks_costs_no_more_than_some_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MAX_CHARS", 5)
    lines = LogLines()
    for number in range(log_lines.MAX_WAITING + 7):
        lines.handle(record("%d and more", number))
    kept = lines.after(0)
    assert len(kept) == log_lines.MAX_WAITING and kept[0].number == 7
    assert kept[0].text == "7 and"


def test_an_error_is_told_with_its_traceback() -> None:
    lines = LogLines()
    try:
        raise ValueError("too wide")
    except ValueError as error:
        failed = record("Stage 1 can't go on", level=logging.ERROR)
        failed.exc_info = (ValueError, error, error.__traceback__)
    lines.handle(failed)
    (line,) = lines.after(0)
    assert line.level == "ERROR" and line.logger == "actors.somewhere"
    assert line.text.startswith("Stage 1 can't go on\nTraceback") and "too wide" in line.text
