from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import CallerError, DatasetUnavailable, InvalidRequest
from actors.core.input_form import Column
from actors.core.sources.readers import table_columns
from actors.core.sources.registry import facts_of_source, parse_source
from actors.core.sources.samples import Samples
from actors.core.sources.source_facts import SourceFacts
from tests.support.sources import read, source_of

pytest.importorskip("pyarrow")

COLOURS = ("red", "green", "blue")
ROWS: list[dict[str, Any]] = [
    {"size": i / 2, "colour": COLOURS[i % 3], "old": i % 4 == 0, "kind": ("b", "a")[i % 2]}
    for i in range(20)
]


def csv_of(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    lines = [delimiter.join(rows[0])]
    for row in rows:
        lines.append(delimiter.join("" if value is None else str(value) for value in row.values()))
    return "\n".join(lines) + "\n"


WITHOUT_VALUES = csv_of([{**row, "x": None} for row in ROWS])
WITH_DAYS = csv_of([{**row, "day": "2026-01-01"} for row in ROWS])
WIDE = ",".join(map(str, range(10**6))) + "\n"


def read_csv(folder: Path, text: str, **config: Any) -> Samples:
    (folder / "a.csv").write_text(text)
    return read("csv", folder, **{"path": "a.csv", "target": "kind", **config})


def changed(row: int, **values: Any) -> str:
    """With other values in one row, counted from 1."""
    rows = [dict(own) for own in ROWS]
    rows[row - 1].update(values)
    return csv_of(rows)


def refused(folder: Path, text: str, kind: type[CallerError], *named: str, **config: Any) -> None:
    with pytest.raises(kind) as caught:
        read_csv(folder, text, **config)
    assert type(caught.value) is kind, caught.value
    for word in named:
        assert word in caught.value.message, caught.value.message


def whole(samples: Samples) -> np.ndarray:
    """All rows, in the order of their first column."""
    rows = np.concatenate([samples.train.inputs, samples.val.inputs])
    return rows[np.argsort(rows[:, 0])]


def facts(samples: Samples, **config: Any) -> SourceFacts:
    return facts_of_source(source_of("csv", path="a.csv", target="kind", **config), samples.found)


def test_text_becomes_a_number_for_each_category(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, csv_of(ROWS))
    assert samples.found.columns == (
        Column("size"),
        Column("colour", ("blue", "green", "red")),
        Column("old"),
    )
    expected = [
        [row["size"], *(float(row["colour"] == c) for c in ("blue", "green", "red")), row["old"]]
        for row in ROWS
    ]
    assert (whole(samples) == np.array(expected, np.float32)).all()
    assert samples.found.class_names == ("a", "b")
    assert (samples.found.num_train, samples.found.num_val) == (16, 4)
    assert np.bincount(samples.val.targets).tolist() == [2, 2]


def test_only_numbers_are_standardised(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, csv_of(ROWS))
    scaling = facts(samples).views.inputs.scaling
    assert scaling is not None
    assert scaling.mean[0] == pytest.approx(samples.train.inputs[:, 0].mean())
    assert scaling.mean[1:4] == (0.0, 0.0, 0.0) and scaling.std[1:4] == (1.0, 1.0, 1.0)
    assert facts(samples, normalize=False).views.inputs.scaling is None


def test_categories_may_be_numbered(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, csv_of(ROWS), categories="integers")
    assert samples.found.shape == (3,)
    assert whole(samples)[:3, 1].tolist() == [2.0, 1.0, 0.0]


def test_columns_are_chosen(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, csv_of(ROWS), inputs=["size"])
    assert [column.name for column in samples.found.columns] == ["size"]
    with_text = read_csv(tmp_path, csv_of(ROWS), categorical=["size"], inputs=["colour", "size"])
    assert with_text.found.columns[1].categories[:2] == ("0.0", "0.5")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_taken_if_it_is_named_and_proposed_if_not(
    tmp_path: Path, delimiter: str
) -> None:
    text = csv_of(ROWS, delimiter)
    assert read_csv(tmp_path, text, delimiter=delimiter).found.shape == (5,)
    refused(tmp_path, text, InvalidRequest, "delimiter is ','", f"set it to {delimiter!r}")


def test_the_forms_of_a_table_give_the_same_samples(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = read_csv(tmp_path, csv_of(ROWS)).fingerprint
    assert read_csv(tmp_path, "\ufeff" + csv_of(ROWS)).fingerprint == expected
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    for start in ("", "\ufeff"):
        (tmp_path / "a.jsonl").write_text(start + lines)
        assert read("jsonl", tmp_path, path="a.jsonl", target="kind").fingerprint == expected
    table = pa.Table.from_pylist(ROWS)
    for own in (table, table.set_column(1, "colour", table["colour"].dictionary_encode())):
        parquet.write_table(own, tmp_path / "a.parquet")
        samples = read("parquet", tmp_path, path="a.parquet", target="kind")
        assert samples.fingerprint == expected


def test_a_file_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    text = csv_of(ROWS).split("\n", 1)[1]
    samples = read_csv(tmp_path, text, header=False, target="f3")
    assert [column.name for column in samples.found.columns] == ["f0", "f1", "f2"]


@pytest.mark.parametrize(
    ("values", "config", "task", "classes"),
    [
        ([1, 3, 2, 1], {}, "classification", ("1", "2", "3")),
        ([10, 9, 10, 9], {}, "classification", ("9", "10")),
        ([True, False, True, True], {}, "classification", ("false", "true")),
        ([0.5, 1.5, 2.5, 3.5], {}, "regression", ()),
        (list(range(40)), {}, "regression", ()),
        (list(range(40)), {"target_type": "classes"}, "classification", tuple(map(str, range(40)))),
        ([1, 2, 1, 2], {"target_type": "numbers"}, "regression", ()),
    ],
    ids=range(7),
)
def test_what_the_target_is_follows_from_its_values(
    tmp_path: Path, values: list[Any], config: dict[str, Any], task: str, classes: tuple[str, ...]
) -> None:
    rows = [{"x": i, "kind": values[i % len(values)]} for i in range(80)]
    samples = read_csv(tmp_path, csv_of(rows), **config)
    own = facts(samples, **config)
    assert own.task == task and own.class_names == classes
    targets = dict(zip(whole(samples)[:, 0], range(80), strict=True))
    assert len(targets) == 80
    first = samples.train.inputs[0, 0]
    told = samples.train.targets[0]
    value = values[int(first) % len(values)]
    assert (classes[told] == str(value).lower()) if classes else told == value


@pytest.mark.parametrize(
    ("rule", "filled"), [("mean", 5.0), ("median", 5.0), (-1, -1.0), (2.5, 2.5)]
)
def test_numbers_that_are_missing_are_filled_by_the_rule(
    tmp_path: Path, rule: Any, filled: float
) -> None:
    rows = [{"x": 5.0, "kind": "ab"[i % 2]} for i in range(20)]
    rows[3]["x"] = None
    samples = read_csv(tmp_path, csv_of(rows), missing_numbers=rule)
    assert samples.found.columns == (Column("x", fill=filled, num_missing=1),)
    assert sorted(whole(samples)[:, 0]) == sorted([5.0] * 19 + [filled])


def test_fillings_are_those_of_the_training_rows(tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text("x,kind\n100,a\n,b\n")
    text = csv_of([{"x": 1.0 + i % 2, "kind": "ab"[i % 2]} for i in range(10)])
    samples = read_csv(tmp_path, text, val_path="val.csv", missing_numbers="mean")
    assert samples.val.inputs[:, 0].tolist() == [100.0, 1.5]


def test_a_category_that_is_missing_may_be_one_of_its_own(tmp_path: Path) -> None:
    samples = read_csv(tmp_path, changed(2, colour=None), missing_categories="own_category")
    column = samples.found.columns[1]
    assert column.categories == ("blue", "green", "red", "missing") and column.num_missing == 1
    assert whole(samples)[1].tolist() == [0.5, 0, 0, 0, 1, 0]


def test_a_file_of_its_own_validates(tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text(csv_of(ROWS[:3]))
    samples = read_csv(tmp_path, csv_of(ROWS), val_path="val.csv")
    assert (samples.found.num_train, samples.found.num_val) == (20, 3)
    assert (samples.val.inputs == samples.train.inputs[:3]).all()
    assert samples.val.targets.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "c"}, ("column 'kind', row 2 ", "'c'", "no training row has that class")),
        ({"kind": None}, ("column 'kind', row 2 ",)),
        ({"colour": "pink"}, ("column 'colour', row 2 ", "'pink'", "no training row has")),
        ({"colour": None}, ("column 'colour', row 2 ", "no value")),
        ({"size": None}, ("column 'size', row 2 ", "no value")),
    ],
    ids=str,
)
def test_what_training_has_not_seen_is_refused_in_validation(
    tmp_path: Path, change: dict[str, Any], named: tuple[str, ...]
) -> None:
    rows = [dict(row) for row in ROWS[:3]]
    rows[1].update(change)
    (tmp_path / "val.csv").write_text(csv_of(rows))
    refused(tmp_path, csv_of(ROWS), DatasetUnavailable, "val.csv", *named, val_path="val.csv")


@pytest.mark.parametrize(
    ("text", "config", "kind", "named"),
    [
        (csv_of(ROWS), {"target": "kinds"}, InvalidRequest, ("target", "'kinds'", '"kind"?')),
        (csv_of(ROWS), {"inputs": ["sise"]}, InvalidRequest, ("inputs", "'sise'", '"size"?')),
        (csv_of(ROWS), {"inputs": ["kind"]}, InvalidRequest, ("which is the target",)),
        (csv_of(ROWS), {"target_type": "numbers"}, DatasetUnavailable, ("has text, such as 'a'",)),
        (csv_of(ROWS), {"validation_split": 0.01}, InvalidRequest, ("validation_split is 0.01",)),
        (changed(7, size=None), {}, DatasetUnavailable, ("'size', row 7 ", "missing_numbers")),
        (changed(7, size="NaN"), {}, DatasetUnavailable, ("'size', row 7 ", "missing_numbers")),
        (changed(7, size="inf"), {}, DatasetUnavailable, ("'size', row 7 ", "finite")),
        (changed(7, size="7,5"), {}, DatasetUnavailable, ("a.csv", "Expected 4 columns, got 5")),
        (changed(7, size="7o"), {}, DatasetUnavailable, ("'size', row 7 ", "'7o'", "categorical")),
        (changed(7, colour=None), {}, DatasetUnavailable, ("'colour', row 7 ", "own_category")),
        (changed(7, kind=None), {}, DatasetUnavailable, ("'kind', row 7 ", "delete the row")),
        (WITHOUT_VALUES, {}, DatasetUnavailable, ("'x' has no value in",)),
        (csv_of([{**row, "kind": "a"} for row in ROWS]), {}, DatasetUnavailable, ("1 different",)),
        (WITH_DAYS, {}, DatasetUnavailable, ("'day'", "date32")),
        ("size,size,kind\n1,2,a\n", {}, DatasetUnavailable, ("more than one column 'size'",)),
        ("size,kind\n", {}, DatasetUnavailable, ("has no rows",)),
        ("", {}, DatasetUnavailable, ("is empty",)),
        ("kind\na\nb\n", {}, InvalidRequest, ("only the target's column",)),
        (WIDE, {}, DatasetUnavailable, ("1,000,000 columns", "10,000")),
    ],
    ids=range(20),
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    tmp_path: Path,
    text: str,
    config: dict[str, Any],
    kind: type[CallerError],
    named: tuple[str, ...],
) -> None:
    refused(tmp_path, text, kind, *named, **config)


def test_text_is_refused_where_the_training_rows_have_numbers_to_tell(tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text("x,kind\n1,a\n2,b\n")
    text = csv_of([{"x": i, "kind": i / 2} for i in range(40)])
    refused(tmp_path, text, DatasetUnavailable, "'kind'", "has text", val_path="val.csv")


def test_too_many_categories_are_refused_unless_numbered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_columns, "MAX_CATEGORIES", 2)
    refused(tmp_path, csv_of(ROWS), InvalidRequest, "'colour' has 3 different", "integers")
    assert read_csv(tmp_path, csv_of(ROWS), categories="integers").found.shape == (3,)
    monkeypatch.setattr(table_columns, "MAX_FEATURES", 2)
    refused(tmp_path, csv_of(ROWS), InvalidRequest, "3 numbers a row", categories="integers")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(csv_of(ROWS).encode("utf-16"))
    with pytest.raises(CallerError, match=r"a\.csv"):
        read("csv", tmp_path, path="a.csv", target="kind")


def test_a_row_of_json_with_another_type_is_told(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in [*ROWS, {"size": {"a": 1}}]]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(DatasetUnavailable, match=r"a\.jsonl can.t be read as a table.*row 20"):
        read("jsonl", tmp_path, path="a.jsonl", target="kind")


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    for content in (b"PAR1", b"<html>" * 100):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(DatasetUnavailable, match=r"a\.parquet can't be read as a table"):
            read("parquet", tmp_path, path="a.parquet", target="kind")


def test_without_pyarrow_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    refused(tmp_path, csv_of(ROWS), DatasetUnavailable, "pip install 'tandem-train[tables]'")


@pytest.mark.parametrize(
    "wrong",
    [
        {"delimiter": ""},
        {"delimiter": ",,"},
        {"delimiter": "\n"},
        {"missing_numbers": "max"},
        {"missing_numbers": True},
        {"missing_categories": "mean"},
        {"target": ""},
        {"inputs": "size"},
        {"inputs": [1]},
        {"target_type": "number"},
        {"validation_split": 1},
        {"seed": -1},
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_with_what_it_may_be(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidRequest, match=rf"dataset_config\.{name} is .*but must be"):
        parse_source({"format": "csv", "path": "a.csv", "target": "kind", **wrong})
