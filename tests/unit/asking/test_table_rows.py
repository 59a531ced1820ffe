"""Rows as JSON become the numbers that the same rows in a file became."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.asking.table_rows import TableRows
from actors.core.errors import InvalidRequest
from actors.core.input_form import Column, InputForm
from tests.support.sources import read

pytest.importorskip("pyarrow")

TABLE: list[dict[str, Any]] = [
    {
        "size": i / 2 if i % 5 else None,
        "colour": ("red", "green", None, "blue")[i % 4],
        "old": i % 3 == 0,
        "rooms": i % 3 + 1,
        "kind": ("b", "a")[i % 2],
    }
    for i in range(24)
]
FILLED = {"missing_numbers": "mean", "missing_categories": "own_category"}
COLUMNS = (Column("age"), Column("colour", ("blue", "red")), Column("wide", fill=2.5))
FORM = InputForm((4,), columns=COLUMNS)
ROW = {"age": 3, "colour": "red", "wide": 1}


def rows_of(*rows: dict[str, Any], form: InputForm = FORM, first: int = 0) -> list[list[float]]:
    values: list[list[float]] = TableRows(rows).rows(form, first).tolist()
    return values


def refused(*named: str, form: InputForm = FORM, first: int = 0, **changed: Any) -> None:
    row = {name: value for name, value in {**ROW, **changed}.items() if value is not ...}
    with pytest.raises(InvalidRequest) as caught:
        TableRows((row,)).rows(form, first)
    for word in named:
        assert word in caught.value.message, caught.value.message


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize("categories", ["one_hot", "integers"])
def test_they_are_encoded_as_the_rows_of_the_training(
    tmp_path: Path, suffix: str, categories: str
) -> None:
    names = list(TABLE[0])
    if suffix == "jsonl":
        text = "\n".join(map(json.dumps, TABLE))
    else:
        cells = [["" if v is None else str(v) for v in row.values()] for row in TABLE]
        text = "\n".join(map(",".join, [names, *cells]))
    (tmp_path / f"a.{suffix}").write_text(text + "\n")
    config = {"path": f"a.{suffix}", "target": "kind", "categories": categories, **FILLED}
    samples = read(suffix, tmp_path, categorical=["rooms"], validation_split=0.1, **config)
    form = InputForm(samples.found.shape, columns=samples.found.columns)
    numbers = samples.train.row_numbers
    assert numbers is not None and len(numbers) == len(samples.train.inputs)
    for given in (TABLE, [{n: "" if v is None else str(v) for n, v in r.items()} for r in TABLE]):
        chosen = [{n: v for n, v in given[i - 1].items() if n != "kind"} for i in numbers]
        assert (TableRows(tuple(chosen)).rows(form, 0) == samples.train.inputs).all()


def test_columns_come_in_the_order_of_the_training_whatever_that_of_the_row() -> None:
    assert rows_of({"wide": 1, "colour": "red", "age": 3}) == [[3, 0, 1, 1]]


def test_what_fills_gaps_is_that_of_the_training() -> None:
    for missing in (None, "", "NA", float("nan")):
        assert rows_of({**ROW, "wide": missing}) == [[3, 0, 1, 2.5]]
    refused("rows[0].age", "has no value", age=None)
    refused("rows[7].colour", "has no value", colour="", first=7)


def test_a_text_that_also_says_missing_is_the_category_that_the_training_had() -> None:
    form = InputForm((2,), columns=(Column("country", ("NA", "SE")),))
    assert rows_of({"country": "NA"}, form=form) == [[1, 0]]


def test_numbers_stand_for_the_texts_that_say_them() -> None:
    form = InputForm((3,), columns=(Column("rooms", ("1", "2.0", "true")),))
    for value, place in ((1, 0), (1.0, 0), (2, 1), ("2.0", 1), (True, 2)):
        assert np.argmax(rows_of({"rooms": value}, form=form)[0]) == place


def test_numbered_categories_are_one_number() -> None:
    form = replace(FORM, shape=(1,), columns=(Column("colour", ("blue", "red"), True),))
    assert rows_of({"colour": "red"}, form=form) == [[1.0]]


def test_a_wrong_row_is_refused_by_its_column_and_its_place() -> None:
    refused("rows[4]", "'agee'", 'did you mean "age"?', agee=1, first=4)
    refused("rows[0] lacks the column 'age'", "null", age=...)
    refused("rows[0].age is 'three'", "number", age="three")
    refused("rows[0].age is 1e+39", "float32", age=1e39)
    refused("rows[0].age", "float32", age=10**400)
    refused("rows[0].age is 'inf'", age="inf")
    refused("rows[0].colour is 'green'", "'blue', 'red'", colour="green")
    refused("rows[0].colour is 3", colour=3)


def test_they_are_handed_on_in_blocks() -> None:
    blocks = list(TableRows(({"a": 1}, {"a": 2}, {"a": 3})).blocks(2))
    assert [len(block.table) for block in blocks] == [2, 1]
