"""Reads tables from files (csv, jsonl, parquet) into columns of numbers or categories, by
pyarrow."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
from actors.core.fields import shown_value
from actors.core.input_form import MAX_FLOAT32, NO_VALUE
from actors.core.rows.row_reader import Array
from actors.core.sources.readers.csv_head import check_first_row
from actors.core.sources.readers.json_lines import BOM, check_lines
from actors.core.sources.readers.table_limits import CELL_BYTES, check_table_size
from actors.core.sources.registry import WHERE

BLOCK_BYTES = 2**30
"""pyarrow takes the types of columns from the first block. This size makes the whole file the
first block, unless the file is larger."""
WITH_COMMA = re.compile(r"[-+]?[\d.]*\d,\d+([eE][-+]?\d+)?")
"""A number whose decimals follow a comma."""


@dataclass(frozen=True)
class RawColumn:
    """A column as it was read. ``numbers`` is float64 ``[rows]``, with NaN for missing values.
    For categories it holds the index of each row's category in ``categories``."""

    name: str
    numbers: Array
    categories: tuple[str, ...] = ()

    @property
    def missing(self) -> Array:
        """bool ``[rows]``: True for missing values."""
        return np.isnan(self.numbers)


@dataclass(frozen=True)
class RawTable:
    """A file's table before any conversion; ``place`` tells people where it lies."""

    place: str
    names: tuple[str, ...]
    num_rows: int
    arrow: Any

    def column(self, name: str, is_categories: bool) -> RawColumn:
        """The column's values, as categories if ``is_categories``. Raises ``DatasetUnavailable``
        if the column's type fits no network, or if it has two types."""
        return _converted(self, name, is_categories)

    def at(self, row: int, name: str) -> str:
        """Tells people a place in the table; ``row`` counts from 0."""
        return f"{self.place}, column {name!r}, row {row + 1:,} (from 1, without a header)"


def read_csv(path: Path, options: Mapping[str, Any]) -> RawTable:
    """Reads csv; ``options`` has ``delimiter``, ``header``, ``decimal`` and the columns that are
    ``categorical``, whose cells stay as they are written. Raises ``DatasetUnavailable``,
    ``InvalidRequest``."""
    csv = _pyarrow("csv")
    delimiter, header = options["delimiter"], options["header"]
    size = _file_bytes(path)
    check_first_row(path, delimiter)
    reads = csv.ReadOptions(
        use_threads=False,
        block_size=min(size + 1, BLOCK_BYTES),
        autogenerate_column_names=not header,
    )
    parses = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    converts = csv.ConvertOptions(
        strings_can_be_null=True,
        null_values=NO_VALUE,
        decimal_point=options["decimal"],
        column_types=dict.fromkeys(options["categorical"], "string"),
    )
    return _table(path, lambda: csv.read_csv(path, reads, parses, converts))


def read_jsonl(path: Path, options: Mapping[str, Any]) -> RawTable:
    """Reads jsonl: one object in each line."""
    json = _pyarrow("json")
    size = _file_bytes(path)
    check_lines(path)
    reads = json.ReadOptions(use_threads=False, block_size=min(size + 1, BLOCK_BYTES))

    def read() -> Any:
        with path.open("rb") as file:
            if file.read(len(BOM)) != BOM:
                file.seek(0)
            return json.read_json(file, reads)

    return _table(path, read)


def read_parquet(path: Path, options: Mapping[str, Any]) -> RawTable:
    """Reads parquet. Checks the size before unpacking. A text that is there often stays packed,
    or a small file could take any memory."""
    parquet = _pyarrow("parquet")

    def read() -> Any:
        about = parquet.read_metadata(path)
        groups = map(about.row_group, range(about.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
        # Equal numbers in a row take next to nothing there, but here as much as others.
        num_bytes = max(unpacked, CELL_BYTES * about.num_rows * about.num_columns)
        check_table_size(path, about.num_columns, num_bytes)
        columns = map(about.schema.column, range(about.num_columns))
        texts = [own.path for own in columns if own.logical_type.type == "STRING"]
        with parquet.ParquetFile(path, metadata=about, read_dictionary=texts) as file:
            return file.read(use_threads=False)

    return _table(path, read)


def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(f"pyarrow.{module}")
    except ImportError as error:
        raise DatasetUnavailable(
            f"Tables are read by pyarrow, which can't be imported ({error_text(error)}): install "
            "it on the gateway's host by pip install 'tandem-train[tables]'"
        ) from error


def _file_bytes(path: Path) -> int:
    """The size of a file of text, which takes at least as much memory once it is read."""
    size = path.stat().st_size
    check_table_size(path, 0, size)
    return size


def _table(path: Path, read: Callable[[], Any]) -> RawTable:
    arrow = _pyarrow("lib")
    if path.stat().st_size == 0:
        raise DatasetUnavailable(f"{path} is empty: write a row for each sample into it")
    try:
        table = read()
        names = tuple(table.column_names)
    except (arrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InvalidRequest | DatasetUnavailable):
            raise
        raise DatasetUnavailable(
            f"{path} can't be read as a table ({error_text(error)[:300]}): correct it there, and "
            "write it as UTF-8"
        ) from error
    check_table_size(path, len(names), CELL_BYTES * table.num_rows * len(names))
    for name, count in Counter(names).items():
        if name and count > 1:
            raise DatasetUnavailable(
                f"{path} has more than one column {shown_value(name)}: give each a name of its own"
            )
    if table.num_rows == 0:
        raise DatasetUnavailable(f"{path} has no rows: write one for each sample into it")
    return RawTable(str(path), names, table.num_rows, table)


def _converted(table: RawTable, name: str, is_categories: bool) -> RawColumn:
    types = _pyarrow("types")
    column = table.arrow.column(name)
    is_packed = types.is_dictionary(column.type)
    kind = column.type.value_type if is_packed else column.type
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if types.is_null(kind):
        return RawColumn(name, np.full(table.num_rows, np.nan))
    if not (is_text or is_number or types.is_boolean(kind)):
        raise DatasetUnavailable(
            f"{table.place}, column {name!r} has values of the type {kind}, but an input must be "
            f"a number, a text or true and false: leave it out of {WHERE}.inputs, or write it so"
        )
    if is_text:
        packed = column.unify_dictionaries() if is_packed else column.dictionary_encode()
        return _categories(table, name, packed, is_categories)
    if is_packed:
        column = column.cast(kind)
    if is_categories:
        return _categories(table, name, column.cast("string").dictionary_encode(), True)
    numbers = column.cast("float64", safe=False).to_numpy()
    _check_finite(table, name, numbers)
    return RawColumn(name, numbers.astype(np.float64))


def _categories(table: RawTable, name: str, packed: Any, is_wanted: bool) -> RawColumn:
    """The categories of text, in the order of their code points. ``packed`` is arrow's chunked
    dictionary array, whose dictionary may have more texts than there are."""
    coded = packed.combine_chunks()
    names = coded.dictionary.to_pylist()
    codes = coded.indices.cast("int64").fill_null(len(names)).to_numpy()
    used = [i for i in np.unique(codes).tolist() if i < len(names)]
    named = {i: names[i] for i in used if names[i] is not None}
    if not is_wanted:
        _check_one_kind(table, name, codes, named)
    categories = sorted(set(named.values()))
    place = {own: i for i, own in enumerate(categories)}
    numbers = np.full(len(names) + 1, np.nan)
    numbers[list(named)] = [place[own] for own in named.values()]
    return RawColumn(name, numbers[codes], tuple(categories))


def _check_one_kind(table: RawTable, name: str, codes: Array, named: Mapping[int, str]) -> None:
    """Explains that one wrong cell, or a comma for a point, turns a column of numbers into text."""
    wrong = [i for i, own in named.items() if not _is_number(own)]
    with_comma = [i for i in wrong if WITH_COMMA.fullmatch(named[i])]
    found = with_comma or wrong
    if not found or (len(wrong) - len(with_comma)) * 2 >= len(named):
        return
    row = int(np.flatnonzero(np.isin(codes, found))[0])
    place, shown = table.at(row, name), shown_value(named[int(codes[row])])
    if with_comma:
        raise DatasetUnavailable(
            f"{place} is {shown}, which is a number if its comma is a point: set {WHERE}.decimal "
            f"of a csv to ',', write it as a number, or name the column in {WHERE}.categorical"
        )
    raise DatasetUnavailable(
        f"{place} is {shown}, but most of the column's values are numbers: correct it, or name the "
        f"column in {WHERE}.categorical"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_finite(table: RawTable, name: str, numbers: Array) -> None:
    rows = np.flatnonzero(np.abs(numbers) > MAX_FLOAT32)
    if len(rows):
        raise DatasetUnavailable(
            f"{table.at(int(rows[0]), name)} is {numbers[rows[0]]}, but numbers must be finite, "
            "and of a size that float32 can hold: correct it, or leave the value out"
        )
