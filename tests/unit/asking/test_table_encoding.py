"""A table's file that comes with a request becomes the numbers that a data set's file became."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.asking import table_encoding
from actors.core.asking.asked_table import AskedTable
from actors.core.asking.table_encoding import encoded_rows
from actors.core.errors import InvalidRequest
from actors.core.input_form import Column, InputForm
from actors.core.sources.samples import Samples
from tests.support.sources import read

pa = pytest.importorskip("pyarrow")

HEADER = "zip;größe;alt;art"
ROWS = [(f"0{i % 3}067", f"{i},5", i % 2 == 0, "ab"[i % 2]) for i in range(20)]
EXCEL = "\r\n".join([HEADER, *(";".join(map(str, row)) for row in ROWS), ""]).encode("cp1252")
"""As the Western European Excel writes it."""
READING = {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}
PLAIN = InputForm((3,), columns=(Column("a"), Column("b", ("x", "y"))))


def trained(folder: Path) -> Samples:
    """On all rows, in the order of the file."""
    (folder / "a.csv").write_bytes(EXCEL)
    given = {"path": "a.csv", "val_path": "a.csv", "target": "art", "categorical": ["zip"]}
    return read("csv", folder, **given, **READING)


def rows_of(
    content: bytes,
    name: str = "b.csv",
    form: InputForm = PLAIN,
    reading: dict[str, Any] | None = None,
    max_rows: int = 100,
    **options: str,
) -> list[list[float]]:
    asked = AskedTable(name, content, options, max_rows)
    return np.concatenate(list(encoded_rows(asked, form, reading or {}, 3))).tolist()


def refused(content: bytes, *named: str, **given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rows_of(content, **given)
    for word in named:
        assert word in caught.value.message, caught.value.message
    assert "dataset_config" not in caught.value.message


def test_a_file_is_read_as_the_jobs_own(tmp_path: Path) -> None:
    samples = trained(tmp_path)
    form = InputForm(samples.found.shape, columns=samples.found.columns)
    assert rows_of(EXCEL, form=form, reading=READING) == samples.train.inputs.tolist()


def test_what_the_request_says_comes_before_what_the_job_says(tmp_path: Path) -> None:
    samples = trained(tmp_path)
    form = InputForm(samples.found.shape, columns=samples.found.columns)
    expected = samples.train.inputs.tolist()
    plain = EXCEL.decode("cp1252").replace(",", ".").replace(";", ",").encode()
    said = {"delimiter": ",", "decimal": ".", "encoding": "utf-8"}
    assert rows_of(plain, form=form, reading=READING, **said) == expected
    tabs = EXCEL.replace(b";", b"\t")
    assert rows_of(tabs, "b.tsv", form, READING) == expected
    headless = plain.split(b"\n", 1)[1]
    numbered = tuple(Column(f"f{i}", own.categories) for i, own in enumerate(samples.found.columns))
    form = InputForm(samples.found.shape, columns=numbered)
    assert rows_of(headless, form=form, header="false") == expected


def test_every_format_of_a_table_gives_the_same_numbers() -> None:
    rows: list[dict[str, Any]] = [{"b": "xy"[i % 2], "c": 1, "a": i / 2} for i in range(8)]
    expected = [[row["a"], float(row["b"] == "x"), float(row["b"] == "y")] for row in rows]
    lines = "\n".join(map(json.dumps, rows)).encode()
    packed = io.BytesIO()
    pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), packed)
    cells = "\n".join([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)])
    contents = {"b.jsonl": lines, "b.PARQUET": packed.getvalue(), "b.csv": cells.encode()}
    for name, content in contents.items():
        assert rows_of(content, name) == expected, name
    text = b'{"a": "1.5", "b": "x"}'
    assert rows_of(text, "b.ndjson", reading={"delimiter": ";"}) == [[1.5, 1, 0]]


def test_a_gap_is_filled_as_in_the_training() -> None:
    columns = (Column("a", fill=2.5), Column("b", ("x", "missing"), fill="missing"))
    form = InputForm((3,), columns=columns)
    assert rows_of(b"a,b\n,x\n1,NA\n", form=form) == [[2.5, 1, 0], [1, 0, 1]]
    assert rows_of(b"a,b\n,\n", form=form) == [[2.5, 0, 1]]


@pytest.mark.parametrize(
    ("content", "given", "named"),
    [
        (b"a,b\n1,x\n" * 1 + b"2,x\n" * 4 + b"seven,x\n", {}, ("b.csv", "'a', row 6 ", "'seven'")),
        (b"a,b\n1,x\n2,x\n3,x\n4,z\n", {}, ("b.csv", "'b', row 4 ", "'z'")),
        (b"a,b\n1,x\n2,x\n3,x\n,y\n", {}, ("b.csv", "'a', row 4 ", "no value")),
        (b'a,b\n"1,5",x\n', {}, ("'a', row 1 ", "'1,5'", "set decimal")),
        (b"A,b\n1,x\n", {}, ("b.csv lacks the column 'a'", "'A', 'b'")),
        (b"a;b\n1;x\n", {}, ("delimiter is ','", "set it to ';'")),
        (b"a,b\n1,\xe4\n", {}, ("encoding is 'utf-8'", "line 2", "cp1252")),
        ("a,b\n1,x\n".encode("utf-16"), {}, ("encoding is 'utf-8'", "utf-16")),
        (b"a,b\n", {}, ("b.csv has no rows",)),
        (b"", {}, ("b.csv is empty",)),
        (b"a,b\n1,x\n2,x,3\n", {}, ("b.csv", "Expected 2 columns, got 3")),
        (b"a,b\n" + b"1,x\n" * 101, {}, ("b.csv has 101 rows", "at most 100")),
        (b'{"a": 1}\n{"b"\n', {"name": "b.jsonl"}, ("b.jsonl, line 2",)),
        (b"PAR1", {"name": "b.parquet"}, ("b.parquet",)),
        (b"a,b\n1,x\n", {"name": "b.xlsx"}, ("'b.xlsx'", ".csv", ".parquet")),
        (b"a,b\n1,x\n", {"delimiter": ";;"}, ("delimiter is ';;'", "one character")),
        (b"a,b\n1,x\n", {"header": "no"}, ("header is 'no'",)),
        (b"a,b\n1,x\n", {"target": "b"}, ("target is no argument of csv", "delimiter")),
        (b'{"a": 1}', {"name": "b.jsonl", "decimal": ","}, ("decimal is no argument of jsonl",)),
    ],
    ids=range(19),
)
def test_what_is_wrong_is_told_by_file_and_row(
    content: bytes, given: dict[str, Any], named: tuple[str, ...]
) -> None:
    refused(content, *named, **given)


def test_a_table_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_encoding, "MAX_BYTES", 1_000)
    refused(b"a,b\n" + b"1,x\n" * 300, "b.csv takes", "1,000")
