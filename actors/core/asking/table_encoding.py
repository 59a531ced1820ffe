"""A file with a table that came with a request -> numbers, read and encoded as a data set's file
is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from actors.core.asking.asked_table import FIELD, AskedTable
from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import check_fields, shown_value
from actors.core.input_form import Array, InputForm
from actors.core.rows.data_formats import DELIMITERS, FORMAT_OF_ENDING
from actors.core.sources.kinds.table_files import TABLE_FORMATS
from actors.core.sources.readers.table_columns import check_inputs_there, encoded
from actors.core.sources.readers.table_file import TableFile
from actors.core.sources.readers.table_reading import RawTable

MAX_BYTES = 2**28
"""The memory that a table may take which comes with a request."""


def encoded_rows(
    asked: AskedTable, form: InputForm, reading: Mapping[str, Any], num_rows: int
) -> Iterator[Array]:
    """float32 ``[n, features]``, at most so many rows at a time. ``reading`` has what the job says
    of its own file, such as the delimiter. Raises ``InvalidRequest``."""
    try:
        table = _read(asked, form, reading)
        for first in range(0, table.num_rows, num_rows):
            yield encoded(table.rows(first, num_rows), form.columns)
    except DatasetUnavailable as error:  # of a data set; here the request is wrong
        raise InvalidRequest(error.message) from error


def _read(asked: AskedTable, form: InputForm, reading: Mapping[str, Any]) -> RawTable:
    ending = PurePath(asked.name).suffix.lower()
    kind = TABLE_FORMATS.get(FORMAT_OF_ENDING.get(ending, ""))
    if kind is None:
        endings = [own for own, name in FORMAT_OF_ENDING.items() if name in TABLE_FORMATS]
        raise InvalidRequest(
            f"{FIELD} is the file {shown_value(asked.name)}, but its name must end in one of "
            f"{', '.join(endings)}: name it by what it is"
        )
    own = {**reading, **({"delimiter": DELIMITERS[ending]} if ending in DELIMITERS else {})}
    known = {name: value for name, value in own.items() if name in kind.fields}
    options = check_fields("", kind.name, kind.fields, {**known, **_values(asked)})
    file = TableFile(asked.name, asked.content, "", MAX_BYTES)
    texts = [column.name for column in form.columns if column.categories]
    table = kind.read_table(file, {**options, "categorical": texts})
    if table.num_rows > asked.max_rows:
        raise InvalidRequest(
            f"{asked.name} has {table.num_rows:,} rows, but this network takes at most "
            f"{asked.max_rows:,} at once: split it"
        )
    check_inputs_there(table, form.columns)
    return table


def _values(asked: AskedTable) -> dict[str, Any]:
    """A form has texts only."""
    flags = {"true": True, "false": False}
    return {name: flags.get(text, text) for name, text in asked.options.items()}
