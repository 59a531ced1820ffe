"""Turns columns of a table into the rows of numbers that a network takes. The training rows
decide how."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import did_you_mean, shown_names, shown_value
from actors.core.input_form import Column
from actors.core.rows.row_reader import Array
from actors.core.sources.readers.table_reading import RawColumn, RawTable
from actors.core.sources.registry import WHERE

REFUSE = "refuse"
OWN_CATEGORY = "own_category"
MISSING = "missing"
"""The name of the category for missing values."""
MAX_CATEGORIES = 1_000
MAX_FEATURES = 65_536
MAX_CLASSES = 10_000
FEW_CLASSES = 20
"""Whole numbers count as classes if there are at most this many different ones."""
NUMBERING = re.compile(r"|__index_level_\d+__")


@dataclass(frozen=True)
class Targets:
    """``values`` are int64 classes ``[rows]`` with their names, or float32 ``[rows, 1]``."""

    values: Array
    class_names: tuple[str, ...] = ()


def input_names(table: RawTable, own: Mapping[str, Any]) -> tuple[str, ...]:
    """The input columns: the ones that ``own["inputs"]`` asks for, or all except the target and
    those that only number the rows. Raises ``InvalidRequest``."""
    asked, target = own["inputs"], own["target"]
    for field in ("inputs", "categorical"):
        _check_named_once(field, own[field])
        check_columns(table, field, own[field])
    check_columns(table, "target", [target])
    if target in asked:
        raise InvalidRequest(
            f"{WHERE}.inputs has {target!r}, which is the target: leave one of them out"
        )
    numbering = numbering_columns(table)
    names = tuple(asked) or tuple(n for n in table.names if n != target and n not in numbering)
    if not names:
        raise InvalidRequest(
            f"{table.place} has only the target's column {target!r}: a network needs inputs, too"
        )
    return names


def numbering_columns(table: RawTable) -> tuple[str, ...]:
    """The columns that tools for tables add to number the rows: those without a name, and the index
    of pandas. If the rows are sorted, a network could tell the target by them."""
    return tuple(name for name in table.names if NUMBERING.fullmatch(name))


def check_columns(table: RawTable, field: str, names: Iterable[str]) -> None:
    """Raises ``InvalidRequest`` if the table lacks one of the columns that ``field`` names."""
    for name in names:
        if name not in table.names:
            raise _not_there(table, field, name)


def _check_named_once(field: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InvalidRequest(
                f"{WHERE}.{field} names the column {shown_value(name)} {count:,} times: name it "
                "once"
            )


def check_inputs_there(table: RawTable, columns: Iterable[Column]) -> None:
    """Raises ``InvalidRequest`` if the table lacks a column that a network was trained on."""
    for column in columns:
        if column.name not in table.names:
            raise InvalidRequest(
                f"{table.place} lacks the column {shown_value(column.name)}, which the network was "
                f"trained on, but has only {shown_names(table.names)}: add it"
                f"{did_you_mean(column.name, table.names)}"
            )


def _not_there(table: RawTable, field: str, name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{WHERE}.{field} names the column {shown_value(name)}, but {table.place} has only "
        f"{shown_names(table.names)}: name one of them{did_you_mean(name, table.names)}"
    )


def targets_of(table: RawTable, own: Mapping[str, Any]) -> Targets:
    """Reads the targets from the column ``own["target"]``. Raises ``DatasetUnavailable``,
    ``InvalidRequest``."""
    name, wanted = own["target"], own["target_type"]
    is_text = wanted == "classes" or name in own["categorical"]
    raw = table.column(name, "categories" if is_text else "either")
    _check_all_there(table, raw, "a sample needs its target: fill it in, or delete the row")
    if not raw.categories and _are_classes(raw.numbers):
        raw = table.column(name, "categories") if wanted is None else raw
    if not raw.categories:
        return Targets(raw.numbers.astype(np.float32)[:, None])
    if wanted == "numbers":
        raise DatasetUnavailable(
            f"{table.place}, column {name!r} has text, such as {shown_value(raw.categories[0])}, "
            f"but {WHERE}.target_type wants numbers: use 'classes', or another target"
        )
    return _classes(table, raw)


def _are_classes(numbers: Array) -> bool:
    different = np.unique(numbers)
    return len(different) <= FEW_CLASSES and bool((different == np.floor(different)).all())


def _classes(table: RawTable, raw: RawColumn) -> Targets:
    """Classes that are numbers are sorted as numbers."""
    names, count = raw.categories, len(raw.categories)
    if not 1 < count <= MAX_CLASSES:
        raise DatasetUnavailable(
            f"{table.place}, column {raw.name!r} has {count:,} different values, but a network is "
            f"trained to tell 2 to {MAX_CLASSES:,} classes apart: take another target, or set "
            f"{WHERE}.target_type to 'numbers'"
        )
    try:
        order = sorted(range(count), key=lambda i: float(names[i]))
    except ValueError:
        order = list(range(count))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return Targets(place[raw.numbers.astype(np.int64)], tuple(names[i] for i in order))


def fitted(table: RawTable, raw: RawColumn, is_training: Array, own: Mapping[str, Any]) -> Column:
    """Decides how the column becomes numbers. The rows of ``is_training`` (bool) decide what
    fills gaps."""
    num_missing = int(raw.missing.sum())
    if num_missing == table.num_rows:
        raise DatasetUnavailable(
            f"{table.place}, column {raw.name!r} has no value in any row: leave it out of "
            f"{WHERE}.inputs"
        )
    if raw.categories:
        column = _fitted_categories(table, raw, own)
    else:
        column = Column(raw.name, fill=_fill(table, raw, is_training, own["missing_numbers"]))
    return replace(column, num_missing=num_missing)


def _fitted_categories(table: RawTable, raw: RawColumn, own: Mapping[str, Any]) -> Column:
    categories, is_numbered = raw.categories, own["categories"] == "integers"
    if len(categories) > MAX_CATEGORIES and not is_numbered:
        raise InvalidRequest(
            f"{table.place}, column {raw.name!r} has {len(categories):,} different values, but at "
            f"most {MAX_CATEGORIES:,} become inputs each: leave it out of {WHERE}.inputs, or set "
            f"{WHERE}.categories to 'integers'"
        )
    if own["missing_categories"] == REFUSE:
        _check_all_there(
            table, raw, f"fill it in, or set {WHERE}.missing_categories to {OWN_CATEGORY!r}"
        )
        return Column(raw.name, categories, is_numbered)
    if MISSING not in categories:
        categories = (*categories, MISSING)
    return Column(raw.name, categories, is_numbered, MISSING)


def _fill(table: RawTable, raw: RawColumn, is_training: Array, rule: float | str) -> float | None:
    if rule == REFUSE:
        remedy = f"fill it in, or set {WHERE}.missing_numbers to 'mean', 'median' or a number"
        _check_all_there(table, raw, remedy)
        return None
    if not isinstance(rule, str):
        return float(rule)
    known = raw.numbers[is_training & ~raw.missing]
    if not len(known):
        raise DatasetUnavailable(
            f"{table.place}, column {raw.name!r} has no value in any training row: leave it out of "
            f"{WHERE}.inputs"
        )
    return float(known.mean() if rule == "mean" else np.median(known))


def _check_all_there(table: RawTable, raw: RawColumn, remedy: str) -> None:
    rows = np.flatnonzero(raw.missing)
    if len(rows):
        more = f", and so have {len(rows) - 1:,} more" if len(rows) > 1 else ""
        raise DatasetUnavailable(f"{table.at(int(rows[0]), raw.name)} has no value{more}: {remedy}")


def encoded(table: RawTable, columns: Sequence[Column]) -> Array:
    """float32 ``[rows, features]``: the encoded columns side by side."""
    width = sum(column.width for column in columns)
    if width > MAX_FEATURES:
        raise InvalidRequest(
            f"{WHERE}.inputs become {width:,} numbers a row, but the limit is {MAX_FEATURES:,}: "
            f"take fewer columns, or set {WHERE}.categories to 'integers'"
        )
    rows = np.zeros((table.num_rows, width), np.float32)
    at = 0
    for column in columns:
        raw = table.column(column.name, "categories" if column.categories else "numbers")
        _encode(table, raw, column, rows[:, at : at + column.width])
        at += column.width
    return rows


def _encode(table: RawTable, raw: RawColumn, column: Column, rows: Array) -> None:
    if not column.categories:
        fill = np.nan if column.fill is None else float(column.fill)
        rows[:, 0] = np.where(raw.missing, fill, raw.numbers)
        if np.isnan(rows[:, 0]).any():
            _check_all_there(table, raw, "fill it in")
        return
    codes = _codes(table, raw, column)
    if column.is_numbered:
        rows[:, 0] = codes
    else:
        rows[np.arange(len(rows)), codes] = 1.0


def _codes(table: RawTable, raw: RawColumn, column: Column) -> Array:
    """int64 ``[rows]``: the index of each row's value in the column's categories."""
    place = {name: i for i, name in enumerate(column.categories)}
    own = [place.get(name, -1) for name in raw.categories]
    own.append(place.get(str(column.fill), -1) if column.fill is not None else -1)
    index = np.where(raw.missing, len(own) - 1, np.nan_to_num(raw.numbers)).astype(np.int64)
    codes = np.array(own, np.int64)[index]
    if (wrong := np.flatnonzero(codes < 0)).size:
        row = int(wrong[0])
        if raw.missing[row]:
            _check_all_there(table, raw, "fill it in")
        raise DatasetUnavailable(
            f"{table.at(row, raw.name)} is {shown_value(raw.categories[int(raw.numbers[row])])}, "
            "which no training row has: train on rows with it, too, or correct it"
        )
    return codes
