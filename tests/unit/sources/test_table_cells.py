"""How the cells and the columns of a table are understood, whatever program wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from actors.core.errors import CallerError, DatasetUnavailable, InvalidRequest
from actors.core.input_form import Column
from actors.core.sources.readers import table_file, table_reading
from actors.core.sources.readers.table_file import table_on_disk
from actors.core.sources.registry import facts_of_source, read_like
from actors.core.sources.samples import Samples
from tests.support.sources import folders, read, source_of

pytest.importorskip("pyarrow")

ZIPS = ("01067", "1067", "80331", "20095")
COLOURS = ("blau", "grün")


def read_csv(folder: Path, text: str | bytes, **config: Any) -> Samples:
    (folder / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read("csv", folder, **{"path": "a.csv", "target": "y", **config})


def refused(
    folder: Path, text: str | bytes, kind: type[CallerError], *named: str, **config: Any
) -> None:
    with pytest.raises(CallerError) as caught:
        read_csv(folder, text, **config)
    assert type(caught.value) is kind, caught.value
    for word in named:
        assert word in caught.value.message, caught.value.message


def lines(header: str, count: int, row: Any) -> str:
    return "\n".join([header, *(row(i) for i in range(count)), ""])


def not_read(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("it was read")


def whole(samples: Samples) -> np.ndarray:
    """All rows in the order of the file."""
    both = (samples.train, samples.val)
    rows = np.concatenate([split.inputs for split in both])
    numbers = np.concatenate([split.row_numbers for split in both])
    ordered: np.ndarray = rows[np.argsort(numbers)]
    return ordered


def test_whole_numbers_of_any_size_are_numbers(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, lines("id,y", 10, lambda i: f"{2**60 + 2**50 * i},{'ab'[i % 2]}"))
    assert whole(samples)[:, 0].tolist() == [2.0**60 + 2.0**50 * i for i in range(10)]


def test_text_in_another_encoding_is_refused_with_what_helps_and_read_if_it_is_said(
    tmp_path: Path,
) -> None:
    plain = lines("größe,farbe,y", 12, lambda i: f"{i},{COLOURS[i % 2]},{'ab'[i % 2]}")
    expected = read_csv(tmp_path, plain)
    for encoding, proposed in (("cp1252", "cp1252"), ("utf-16", "utf-16")):
        text = plain.encode(encoding)
        refused(tmp_path, text, InvalidRequest, "encoding is 'utf-8'", "a.csv, line 1", proposed)
        samples = read_csv(tmp_path, text, encoding=encoding)
        assert samples.found == expected.found and samples.fingerprint == expected.fingerprint
    cell = plain.encode().replace("grün".encode(), "grün".encode("cp1252"))
    for config in ({}, {"categorical": ["farbe"]}):
        refused(tmp_path, cell, InvalidRequest, "encoding", "a.csv, line 3", **config)
    refused(tmp_path, b"\x81" + cell, InvalidRequest, "encoding is 'cp1252'", encoding="cp1252")


def test_what_is_taken_as_text_stays_as_it_is_written(tmp_path: Path) -> None:
    text = lines("zip,y", 12, lambda i: f"{ZIPS[i % 4]},{'ab'[i % 2]}")
    (tmp_path / "val.csv").write_text("zip,y\n01067,a\n20095,b\n")
    config = {"categorical": ["zip"], "val_path": "val.csv"}
    samples = read_csv(tmp_path, text, **config)
    assert samples.found.columns == (Column("zip", tuple(sorted(ZIPS))),)
    assert samples.val.inputs.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    facts = facts_of_source(source_of("csv", path="a.csv", target="y", **config), samples.found)
    other = source_of("csv", path="val.csv", target="y")
    (evaluated,) = read_like(other, folders(tmp_path), facts, 2**30)
    assert (evaluated.inputs == samples.val.inputs).all()


def test_text_may_look_like_numbers_in_another_file(tmp_path: Path) -> None:
    text = lines("size,y", 12, lambda i: f"{('S', 'M', '42')[i % 3]},{'ab'[i % 2]}")
    (tmp_path / "val.csv").write_text("size,y\n42,a\n42,b\n")
    samples = read_csv(tmp_path, text, val_path="val.csv")
    assert samples.found.columns[0].categories == ("42", "M", "S")
    assert samples.val.inputs.tolist() == [[1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"categorical": ["sise"]}, ("categorical", "'sise'", '"size"?')),
        ({"inputs": ["size", "size"]}, ("inputs", "'size' 2 times")),
    ],
    ids=str,
)
def test_names_of_columns_are_checked(
    tmp_path: Path, config: dict[str, Any], named: tuple[str, ...]
) -> None:
    text = lines("size,y", 10, lambda i: f"{i},{'ab'[i % 2]}")
    refused(tmp_path, text, InvalidRequest, *named, **config)


def test_numbers_with_a_comma_are_numbers_if_it_is_said_and_else_no_categories(
    tmp_path: Path,
) -> None:
    text = lines("size;y", 10, lambda i: f"{i},5;{'ab'[i % 2]}")
    refused(tmp_path, text, DatasetUnavailable, "row 1 ", "'0,5'", "decimal", delimiter=";")
    samples = read_csv(tmp_path, text, delimiter=";", decimal=",")
    assert whole(samples)[:, 0].tolist() == [i + 0.5 for i in range(10)]
    named = read_csv(tmp_path, text, delimiter=";", categorical=["size"])
    assert len(named.found.columns[0].categories) == 10


def test_columns_that_number_the_rows_are_left_out_and_told(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, lines(",size,y,", 10, lambda i: f"{i},{i / 2},{'ab'[i % 2]},"))
    assert [column.name for column in samples.found.columns] == ["size"]
    assert len(samples.skipped) == 1 and samples.skipped[0].place.endswith("a.csv, column 1")
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {"size": list(range(10)), "__index_level_0__": list(range(10)), "y": ["a", "b"] * 5}
    )
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "a.parquet")
    given = {"path": "a.parquet", "target": "y"}
    assert read("parquet", tmp_path, **given).found.shape == (1,)
    asked = read("parquet", tmp_path, inputs=["__index_level_0__"], **given)
    assert asked.found.shape == (1,) and asked.skipped == ()


def test_what_takes_too_much_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(table_file, "MAX_BYTES", 100_000)
    monkeypatch.setattr(pytest.importorskip("pyarrow.csv"), "read_csv", not_read)
    monkeypatch.setattr(pytest.importorskip("pyarrow.json"), "read_json", not_read)
    monkeypatch.setattr(parquet.ParquetFile, "read", not_read)
    refused(tmp_path, "x,y\n" + "1,a\n" * 30_000, DatasetUnavailable, "120,004", "100,000")
    (tmp_path / "a.jsonl").write_text('{"x": 1, "y": "a"}\n' * 10_000)
    equal = pa.table({f"x{i}": [1] * 3_000 for i in range(20)} | {"y": ["a", "b"] * 1_500})
    parquet.write_table(equal, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 50_000
    for kind in ("jsonl", "parquet"):
        with pytest.raises(DatasetUnavailable, match="the limit is 100,000"):
            read(kind, tmp_path, path=f"a.{kind}", target="y")


def test_lines_may_end_as_on_any_system(tmp_path: Path) -> None:
    text = lines("size,old,y", 6_000, lambda i: f"{i},{i % 3},{'ab'[i % 2]}")
    expected = read_csv(tmp_path, text).fingerprint
    for end in ("\r\n", "\r"):
        assert read_csv(tmp_path, text.replace("\n", end)).fingerprint == expected


def test_a_number_that_float32_can_not_hold_is_told_with_its_row(tmp_path: Path) -> None:
    text = lines("size,y", 40, lambda i: f"{'1e300' if i == 36 else i},{i / 3}")
    refused(tmp_path, text, DatasetUnavailable, "a.csv", "row 37 ")
    usual = lines("size,y", 40, lambda i: f"{i},{i / 3}")
    found = read_csv(tmp_path, usual).found
    facts = facts_of_source(source_of("csv", path="a.csv", target="y"), found)
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(DatasetUnavailable, match=r"b\.csv.*row 37 "):
        read_like(source_of("csv", path="b.csv", target="y"), folders(tmp_path), facts, 2**30)


def test_text_in_json_is_text_whatever_it_says(tmp_path: Path) -> None:
    rows = [{"x": ("NA", "b", "")[i % 3], "y": "pq"[i % 2]} for i in range(12)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read("jsonl", tmp_path, path="a.jsonl", target="y").found
    assert found.columns == (Column("x", ("", "NA", "b")),)


def test_a_text_that_is_there_often_takes_memory_once(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = ["a" * 50_000, "b" * 50_000, None]
    table = pa.table({"x": [texts[i % 3] for i in range(900)], "y": ["p", "q"] * 450})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=500)
    raw = table_reading.read_parquet(table_on_disk(tmp_path / "a.parquet"), {})
    assert raw.arrow.nbytes < 10**6 < table.nbytes
    column = raw.column("x", "either")
    assert column.categories == tuple(texts[:2])
    assert column.numbers[:2].tolist() == [0, 1] and np.isnan(column.numbers[2::3]).all()


def test_texts_of_a_dictionary_that_no_row_has_are_no_categories(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    codes = pa.array([2, 0, 2, 0] * 5)
    coded = pa.DictionaryArray.from_arrays(codes, pa.array(["red", "blue", "green"]))
    table = pa.table({"x": coded, "y": ["p", "p", "q", "q"] * 5})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "a.parquet")
    samples = read("parquet", tmp_path, path="a.parquet", target="y")
    assert samples.found.columns == (Column("x", ("green", "red")),)
    assert whole(samples)[:2].tolist() == [[1, 0], [0, 1]]
