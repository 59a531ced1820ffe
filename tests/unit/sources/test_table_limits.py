"""A table's limits hold before the table is in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from actors.core.errors import DatasetUnavailable
from actors.core.sources.readers import json_lines, table_file
from tests.support.sources import read

pytest.importorskip("pyarrow")
WIDE = ",".join(map(str, range(10_001)))
MANY_LINES = ",".join(f'"{i}\n"' for i in range(10_001))


def not_read(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("it was read")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow may not be asked to read."""
    monkeypatch.setattr(pytest.importorskip("pyarrow.csv"), "read_csv", not_read)
    monkeypatch.setattr(pytest.importorskip("pyarrow.json"), "read_json", not_read)


def refused(folder: Path, kind: str, text: str, *named: str) -> None:
    (folder / "a").write_text(text)
    with pytest.raises(DatasetUnavailable) as caught:
        read(kind, folder, path="a", target="y")
    for word in (str(folder / "a"), *named):
        assert word in caught.value.message, caught.value.message


def lines(rows: Sequence[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "row",
    [
        lambda i: {f"x{i}": i},
        lambda i: {"y": i, "x": {f"x{i}": i}},
        lambda i: {"y": i, "x": [[{f"x{i}": i}]]},
        lambda i: {"y": i, f"x{i % 101}": {f"x{i % 103}": i}},
    ],
    ids=["beside", "in an object", "in a list", "in several objects"],
)
def test_names_of_columns_are_counted_before_there_are_columns(
    tmp_path: Path, unread: None, row: Any
) -> None:
    refused(tmp_path, "jsonl", lines([row(i) for i in range(10_403)]), "columns", "10,000")


def test_cells_that_a_row_lacks_take_memory_too(
    tmp_path: Path, unread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_file, "MAX_BYTES", 100_000)
    text = lines([{f"x{i % 50}": 1} for i in range(300)])
    assert len(text) < 5_000
    refused(tmp_path, "jsonl", text, "120,000", "100,000")


def test_a_line_without_an_end_is_refused(
    tmp_path: Path, unread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", 64)
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 200)
    text = lines([{"x": 1}, {"x": 2}]) + '{"x": "' + "x" * 300
    refused(tmp_path, "jsonl", text, "line 3 ", "200")


@pytest.mark.parametrize("line", ['{"size": ', "[1, 2]", "7", '{"x": 1} {"x": 2}', "[" * 100_000])
def test_a_line_that_is_no_object_is_told_by_its_number(
    tmp_path: Path, unread: None, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", 64)
    refused(tmp_path, "jsonl", lines([{"x": i} for i in range(30)]) + "\n" + line, "line 32 ")


def test_text_in_another_encoding_is_told_by_its_line(tmp_path: Path, unread: None) -> None:
    text = lines([{"x": 1}, {"x": 2}])
    for encoding in ("utf-16", "utf-16-le"):
        (tmp_path / "a").write_bytes(text.encode(encoding))
        with pytest.raises(DatasetUnavailable, match=r"line [12] .*UTF-8"):
            read("jsonl", tmp_path, path="a", target="y")


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    rows = [{"x": i, "y": "ab"[i % 2]} for i in range(10)]
    text = "\n\n".join(map(json.dumps, rows)) + "\r\n \n"
    (tmp_path / "a").write_text(text)
    found = read("jsonl", tmp_path, path="a", target="y").found
    assert (found.num_train, found.num_val) == (8, 2)


@pytest.mark.parametrize(
    "text",
    [WIDE, "\n\r\n" + WIDE, "\ufeff" + WIDE, '"a\nb",' + WIDE, MANY_LINES],
    ids=["at once", "after blank lines", "after a mark", "after a line in quotes", "on many lines"],
)
def test_columns_of_a_csv_are_counted_wherever_its_first_row_ends(
    tmp_path: Path, unread: None, text: str
) -> None:
    refused(tmp_path, "csv", text + "\n", "columns", "10,000")


def test_cells_of_later_rows_are_no_columns_of_the_first(tmp_path: Path) -> None:
    rows = [f'{i},"a,\nb""{i % 3}",{"pq"[i % 2]}' for i in range(5_000)]
    (tmp_path / "a").write_text("\n".join(['5" disk,x,y', *rows]) + "\n")
    found = read("csv", tmp_path, path="a", target="y").found
    assert [column.name for column in found.columns] == ['5" disk', "x"]
