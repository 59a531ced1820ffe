"""Reads tables from files (csv, jsonl, parquet) into columns of numbers or categories, by
pyarrow."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
from actors.core.fields import shown_value
from actors.core.input_form import MAX_FLOAT32, NO_VALUE
from actors.core.rows.row_reader import Array
from actors.core.sources.readers.csv_text import UTF_8, check_encoding, check_first_row
from actors.core.sources.readers.json_lines import BOM, check_lines
from actors.core.sources.readers.table_file import CELL_BYTES, TableFile

BLOCK_BYTES = 2**30
"""pyarrow takes the types of columns from the first block. This size makes the whole file the
first block, unless the file is larger."""
MAX_GROWTH = 3
"""The bytes that a byte of another encoding becomes at most in UTF-8."""
WITH_COMMA = re.compile(r"[-+]?[\d.]*\d,\d+([eE][-+]?\d+)?")
"""A number whose decimals follow a comma."""
Wanted = Literal["either", "categories", "numbers"]
"""What a column is to become; either follows from most of its values."""


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
    """A file's table before any conversion; ``place`` tells people where it lies. ``prefix`` stands
    before the names of fields in errors. ``first`` is the index of the first row in the file."""

    place: str
    names: tuple[str, ...]
    num_rows: int
    arrow: Any
    prefix: str
    first: int = 0

    def column(self, name: str, wanted: Wanted) -> RawColumn:
        """The column's values. Raises ``DatasetUnavailable`` if the column's type fits no network,
        if it has two types, or if it has text but numbers are wanted."""
        return _converted(self, name, wanted)

    def rows(self, first: int, num_rows: int) -> RawTable:
        """At most so many rows from there on."""
        part = self.arrow.slice(first, num_rows)
        return replace(self, num_rows=part.num_rows, arrow=part, first=self.first + first)

    def at(self, row: int, name: str) -> str:
        """Tells people a place in the table; ``row`` counts from 0."""
        number = self.first + row + 1
        return f"{self.place}, column {name!r}, row {number:,} (from 1, without a header)"


def read_csv(file: TableFile, options: Mapping[str, Any]) -> RawTable:
    """Reads csv; ``options`` has ``delimiter``, ``header``, ``decimal``, ``encoding`` and the
    columns that are ``categorical``, whose cells stay as they are written. Raises
    ``DatasetUnavailable``, ``InvalidRequest``."""
    csv = _pyarrow("csv")
    delimiter, encoding = options["delimiter"], options["encoding"]
    file.check_size(0, file.num_bytes)
    check_first_row(file, delimiter, encoding)
    growth = 1 if encoding == UTF_8 else MAX_GROWTH
    reads = csv.ReadOptions(
        use_threads=False,
        block_size=min(growth * file.num_bytes + 1, BLOCK_BYTES),
        autogenerate_column_names=not options["header"],
        encoding=encoding,
    )
    parses = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    converts = csv.ConvertOptions(
        strings_can_be_null=True,
        null_values=NO_VALUE,
        decimal_point=options["decimal"],
        column_types=dict.fromkeys(options["categorical"], "string"),
    )
    try:
        table = _table(file, lambda: csv.read_csv(file.for_arrow, reads, parses, converts))
    except DatasetUnavailable:
        check_encoding(file, encoding)
        raise
    if any(_pyarrow("types").is_binary(kind) for kind in table.arrow.schema.types):
        check_encoding(file, encoding)
    return table


def read_jsonl(file: TableFile, options: Mapping[str, Any]) -> RawTable:
    """Reads jsonl: one object in each line."""
    json = _pyarrow("json")
    file.check_size(0, file.num_bytes)
    check_lines(file)
    reads = json.ReadOptions(use_threads=False, block_size=min(file.num_bytes + 1, BLOCK_BYTES))

    def read() -> Any:
        with file.opened() as opened:
            if opened.read(len(BOM)) != BOM:
                opened.seek(0)
            return json.read_json(opened, reads)

    return _table(file, read)


def read_parquet(file: TableFile, options: Mapping[str, Any]) -> RawTable:
    """Reads parquet. Checks the size before unpacking. A text that is there often stays packed,
    or a small file could take any memory."""
    parquet = _pyarrow("parquet")

    def read() -> Any:
        about = parquet.read_metadata(file.for_arrow)
        groups = map(about.row_group, range(about.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
        # Equal numbers in a row take next to nothing there, but here as much as others.
        num_bytes = max(unpacked, CELL_BYTES * about.num_rows * about.num_columns)
        file.check_size(about.num_columns, num_bytes)
        columns = map(about.schema.column, range(about.num_columns))
        texts = [own.path for own in columns if own.logical_type.type == "STRING"]
        with parquet.ParquetFile(file.for_arrow, metadata=about, read_dictionary=texts) as opened:
            return opened.read(use_threads=False)

    return _table(file, read)


def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(f"pyarrow.{module}")
    except ImportError as error:
        raise DatasetUnavailable(
            f"Tables are read by pyarrow, which can't be imported ({error_text(error)}): install "
            "it on the gateway's host by pip install 'tandem-train[tables]'"
        ) from error


def _table(file: TableFile, read: Callable[[], Any]) -> RawTable:
    arrow = _pyarrow("lib")
    if file.num_bytes == 0:
        raise DatasetUnavailable(f"{file.place} is empty: write a row for each sample into it")
    try:
        table = read()
        names = tuple(table.column_names)
    except (arrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InvalidRequest | DatasetUnavailable):
            raise
        raise DatasetUnavailable(
            f"{file.place} can't be read as a table ({error_text(error)[:300]}): correct it there"
        ) from error
    file.check_size(len(names), CELL_BYTES * table.num_rows * len(names))
    for name, count in Counter(names).items():
        if name and count > 1:
            raise DatasetUnavailable(
                f"{file.place} has more than one column {shown_value(name)}: give each a name of "
                "its own"
            )
    if table.num_rows == 0:
        raise DatasetUnavailable(f"{file.place} has no rows: write one for each sample into it")
    return RawTable(file.place, names, table.num_rows, table, file.prefix)


def _converted(table: RawTable, name: str, wanted: Wanted) -> RawColumn:
    types = _pyarrow("types")
    column = table.arrow.column(name)
    is_packed = types.is_dictionary(column.type)
    kind = column.type.value_type if is_packed else column.type
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if types.is_null(kind):
        return RawColumn(name, np.full(table.num_rows, np.nan))
    if not (is_text or is_number or types.is_boolean(kind)):
        or_without = f", or leave it out of {table.prefix}inputs" if wanted == "either" else ""
        raise DatasetUnavailable(
            f"{table.place}, column {name!r} has values of the type {kind}, but an input must be a "
            f"number, a text or true and false: write it so{or_without}"
        )
    if is_text:
        packed = column.unify_dictionaries() if is_packed else column.dictionary_encode()
        return _categories(table, name, packed, wanted)
    if is_packed:
        column = column.cast(kind)
    if wanted == "categories":
        return _categories(table, name, column.cast("string").dictionary_encode(), wanted)
    numbers = column.cast("float64", safe=False).to_numpy()
    _check_finite(table, name, numbers)
    return RawColumn(name, numbers.astype(np.float64))


def _categories(table: RawTable, name: str, packed: Any, wanted: Wanted) -> RawColumn:
    """The categories of text, in the order of their code points. ``packed`` is arrow's chunked
    dictionary array, whose dictionary may have more texts than there are."""
    coded = packed.combine_chunks()
    names = coded.dictionary.to_pylist()
    codes = coded.indices.cast("int64").fill_null(len(names)).to_numpy()
    used = [i for i in np.unique(codes).tolist() if i < len(names)]
    named = {i: names[i] for i in used if names[i] is not None}
    numbers = np.full(len(names) + 1, np.nan)
    if wanted != "categories":
        _check_one_kind(table, name, codes, named, wanted)
    if wanted == "numbers":
        numbers[list(named)] = [float(own) for own in named.values()]
        _check_finite(table, name, numbers[codes])
        return RawColumn(name, numbers[codes])
    categories = sorted(set(named.values()))
    place = {own: i for i, own in enumerate(categories)}
    numbers[list(named)] = [place[own] for own in named.values()]
    return RawColumn(name, numbers[codes], tuple(categories))


def _check_one_kind(
    table: RawTable, name: str, codes: Array, named: Mapping[int, str], wanted: Wanted
) -> None:
    """Explains that one wrong cell, or a comma for a point, turns a column of numbers into text. If
    numbers are wanted, any such cell is wrong."""
    wrong = [i for i, own in named.items() if not _is_number(own)]
    with_comma = [i for i in wrong if WITH_COMMA.fullmatch(named[i])]
    is_mostly_text = (len(wrong) - len(with_comma)) * 2 >= len(named)
    found = with_comma or wrong
    if not found or (wanted == "either" and is_mostly_text):
        return
    row = int(np.flatnonzero(np.isin(codes, found))[0])
    place, shown = table.at(row, name), shown_value(named[int(codes[row])])
    or_text = "" if wanted == "numbers" else f", or name the column in {table.prefix}categorical"
    if with_comma:
        raise DatasetUnavailable(
            f"{place} is {shown}, which is a number if its comma is a point: set {table.prefix}"
            f"decimal of a csv to ',', or write it as a number{or_text}"
        )
    few = "must be a number" if wanted == "numbers" else "most of the column's values are numbers"
    raise DatasetUnavailable(f"{place} is {shown}, but {few}: correct it{or_text}")


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
