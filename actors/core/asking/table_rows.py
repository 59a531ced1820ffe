"""Rows of a table as JSON objects -> numbers, by what the rows of the training said."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.core.errors import InvalidRequest
from actors.core.fields import did_you_mean, shown_names, shown_value
from actors.core.input_form import MAX_FLOAT32, NO_VALUE, Array, Column, InputForm

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
FLAGS = {"true": 1.0, "false": 0.0}
_NONE = frozenset(NO_VALUE)


@dataclass(frozen=True)
class TableRows:
    """Each row has the value of each column by its name: a number, a text, true, false or null. A
    text may stand for a number, as in a csv file."""

    table: tuple[Mapping[str, Any], ...]
    field: str = "rows"
    largest: float = 0.0

    def blocks(self, num_rows: int) -> Iterator[TableRows]:
        """See ``Question``."""
        for start in range(0, len(self.table), num_rows):
            yield TableRows(self.table[start : start + num_rows])

    def rows(self, form: InputForm, first: int) -> Array:
        """See ``AskedSamples``; the columns side by side, as a table's file is encoded."""
        encoders = [_Encoder(column) for column in form.columns]
        rows = np.zeros((len(self.table), form.num_features), np.float32)
        for index, row in enumerate(self.table):
            where = f"{self.field}[{first + index}]"
            _check_names(row, form.columns, where)
            at = 0
            for own in encoders:
                width = own.column.width
                own.encode(row[own.column.name], rows[index, at : at + width], where)
                at += width
        return rows


class _Encoder:
    """Turns the values of one column into numbers."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._places = {name: place for place, name in enumerate(column.categories)}

    def encode(self, value: Any, numbers: Array, where: str) -> None:
        """Writes what the value becomes to ``numbers``, which are 0."""
        place = f"{where}.{self.column.name}"
        if not self.column.categories:
            numbers[0] = self._number(value, place)
        elif self.column.is_numbered:
            numbers[0] = self._category(value, place)
        else:
            numbers[self._category(value, place)] = 1.0

    def _number(self, value: Any, place: str) -> float:
        if _is_missing(value):
            if self.column.fill is None:
                raise _missing(place)
            return float(self.column.fill)
        number = _number_of(value)
        if number is None or abs(number) > MAX_FLOAT32:
            raise InvalidRequest(
                f"{place} is {shown_value(value)}, but must be a number that float32 can hold"
            )
        return number

    def _category(self, value: Any, place: str) -> int:
        found = self._place_of(value)
        if found is not None:
            return found
        if not _is_missing(value):
            raise InvalidRequest(
                f"{place} is {shown_value(value)}, but must be one of "
                f"{shown_names(self.column.categories)}: the training has seen no other"
            )
        if self.column.fill is None:
            raise _missing(place)
        return self._places[str(self.column.fill)]

    def _place_of(self, value: Any) -> int | None:
        """A number stands for the text that says it: 3 for "3" and for "3.0"."""
        if isinstance(value, bool):
            return self._places.get("true" if value else "false")
        if isinstance(value, str):
            return self._places.get(value)
        if not isinstance(value, int | float):
            return None
        same = (place for name, place in self._places.items() if _number_of(name) == value)
        return self._places.get(str(value), next(same, None))


def _number_of(value: Any) -> float | None:
    """The number that a value says; None if it says none."""
    try:
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
            return float(value)
    except OverflowError:
        return math.inf
    return FLAGS.get(value.strip().lower()) if isinstance(value, str) else None


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value in _NONE
    return value is None or (isinstance(value, float) and math.isnan(value))


def _missing(place: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place} has no value, but must have one: no row of the training was without it, so "
        "nothing is known that could stand for it"
    )


def _check_names(row: Mapping[str, Any], columns: Sequence[Column], where: str) -> None:
    names = [column.name for column in columns]
    if len(row) == len(names) and all(name in row for name in names):
        return
    known = set(names)
    for name in row:
        if name not in known:
            raise InvalidRequest(
                f"{where} has the column {shown_value(name)}, which the network does not take: "
                f"leave it out, and give {shown_names(names)}{did_you_mean(name, names)}"
            )
    absent = next(name for name in names if name not in row)
    raise InvalidRequest(
        f"{where} lacks the column {shown_value(absent)}: give it, or null where it is not known"
    )
