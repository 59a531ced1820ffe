"""Reads tables from files (csv, jsonl, parquet) into columns of numbers or categories, by
pyarrow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
from actors.core.fields import shown_value
from actors.core.input_form import NO_VALUE
from actors.core.rows.row_reader import Array
from actors.core.sources.registry import WHERE

MAX_COLUMNS = 10_000
MAX_BYTES = 2**33
BLOCK_BYTES = 2**30
"""pyarrow takes the types of columns from the first block. This size makes the whole file the
first block, unless the file is larger."""
FIRST_LINE_BYTES = 2**26
DELIMITERS = (";", "\t", "|", ",")
BOM = b"\xef\xbb\xbf"


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
    """Reads csv; ``options`` has ``delimiter`` and ``header``. Raises ``DatasetUnavailable``,
    ``InvalidRequest``."""
    csv = _pyarrow("csv")
    delimiter, header = options["delimiter"], options["header"]
    _check_first_line(path, delimiter)
    size = path.stat().st_size
    reads = csv.ReadOptions(
        use_threads=False,
        block_size=min(size + 1, BLOCK_BYTES),
        autogenerate_column_names=not header,
    )
    parses = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    converts = csv.ConvertOptions(strings_can_be_null=True, null_values=NO_VALUE)
    return _table(path, lambda: csv.read_csv(path, reads, parses, converts))


def read_jsonl(path: Path, options: Mapping[str, Any]) -> RawTable:
    """Reads jsonl: one object in each line."""
    json = _pyarrow("json")
    size = path.stat().st_size
    reads = json.ReadOptions(use_threads=False, block_size=min(size + 1, BLOCK_BYTES))

    def read() -> Any:
        with path.open("rb") as file:
            if file.read(len(BOM)) != BOM:
                file.seek(0)
            return json.read_json(file, reads)

    return _table(path, read)


def read_parquet(path: Path, options: Mapping[str, Any]) -> RawTable:
    """Reads parquet. Checks the size before unpacking."""
    parquet = _pyarrow("parquet")

    def read() -> Any:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            num_bytes = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            _check_size(path, about.num_columns, max(num_bytes, 8 * about.num_rows))
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


def _table(path: Path, read: Callable[[], Any]) -> RawTable:
    arrow = _pyarrow("lib")
    if path.stat().st_size == 0:
        raise DatasetUnavailable(f"{path} is empty: write a row for each sample into it")
    try:
        table = read()
    except (arrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InvalidRequest | DatasetUnavailable):
            raise
        raise DatasetUnavailable(
            f"{path} can't be read as a table ({error_text(error)[:300]}): correct it there, and "
            "write it as UTF-8"
        ) from error
    names = tuple(table.column_names)
    _check_size(path, len(names), table.num_rows * len(names))
    for name in names:
        if names.count(name) > 1:
            raise DatasetUnavailable(
                f"{path} has more than one column {shown_value(name)}: give each a name of its own"
            )
    if table.num_rows == 0:
        raise DatasetUnavailable(f"{path} has no rows: write one for each sample into it")
    return RawTable(str(path), names, table.num_rows, table)


def _check_first_line(path: Path, delimiter: str) -> None:
    """Refuses too many columns before they are made, because a reader takes long for a million
    of them."""
    with path.open("rb") as file:
        line = file.readline(FIRST_LINE_BYTES).decode("utf-8", errors="replace").rstrip("\r\n")
    _check_size(path, line.count(delimiter) + 1, 0)
    others = {own: line.count(own) for own in DELIMITERS if own != delimiter}
    likely = max(others, key=lambda own: others[own])
    if delimiter not in line and others[likely]:
        raise InvalidRequest(
            f"{WHERE}.delimiter is {delimiter!r}, but the first line of {path} has none and "
            f"{others[likely]:,} times {likely!r}: set it to {likely!r}"
        )


def _check_size(path: Path, num_columns: int, num_bytes: int) -> None:
    if num_columns > MAX_COLUMNS:
        raise DatasetUnavailable(
            f"{path} has {num_columns:,} columns, but the limit is {MAX_COLUMNS:,}: write a file "
            "with fewer, or its numbers as an array of the format npz"
        )
    if num_bytes > MAX_BYTES:
        raise DatasetUnavailable(
            f"{path} takes {num_bytes:,} bytes of memory, but the limit is {MAX_BYTES:,}: write a "
            "file with fewer rows or columns"
        )


def _converted(table: RawTable, name: str, is_categories: bool) -> RawColumn:
    types = _pyarrow("types")
    column = table.arrow.column(name)
    kind = column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if types.is_null(kind):
        return RawColumn(name, np.full(table.num_rows, np.nan))
    if not (is_text or is_number or types.is_boolean(kind)):
        raise DatasetUnavailable(
            f"{table.place}, column {name!r} has values of the type {kind}, but an input must be "
            f"a number, a text or true and false: leave it out of {WHERE}.inputs, or write it so"
        )
    if is_text or is_categories:
        return _categories(table, name, column.cast("string"), is_categories)
    numbers = column.cast("float64").to_numpy()
    _check_finite(table, name, numbers)
    return RawColumn(name, numbers.astype(np.float64))


def _categories(table: RawTable, name: str, column: Any, is_wanted: bool) -> RawColumn:
    """The categories of text, in the order of their code points."""
    coded = column.combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names) + 1)
    place[order] = np.arange(len(names))
    place[-1] = np.nan
    codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    numbers = place[codes.astype(np.int64)]
    if not is_wanted:
        _check_one_kind(table, name, codes, names)
    return RawColumn(name, numbers, tuple(names[i] for i in order))


def _check_one_kind(table: RawTable, name: str, codes: Array, names: list[str]) -> None:
    """Explains that one wrong cell turns a column of numbers into text."""
    wrong = [i for i, own in enumerate(names) if not _is_number(own)]
    if len(wrong) * 2 >= len(names) or not wrong:
        return
    row = int(np.flatnonzero(codes == wrong[0])[0])
    raise DatasetUnavailable(
        f"{table.at(row, name)} is {shown_value(names[wrong[0]])}, but most of the column's values "
        f"are numbers: correct it, or name the column in {WHERE}.categorical"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_finite(table: RawTable, name: str, numbers: Array) -> None:
    rows = np.flatnonzero(np.isinf(numbers))
    if len(rows):
        raise DatasetUnavailable(
            f"{table.at(int(rows[0]), name)} is {numbers[rows[0]]}, but numbers must be finite: "
            "correct it, or leave the value out"
        )
