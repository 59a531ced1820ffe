"""The user's own tables: csv, jsonl and parquet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import Field, choice, flag, shown_value, text, texts
from actors.core.folders import Folders
from actors.core.input_form import Column
from actors.core.model.model_spec import TensorSpec
from actors.core.rows.row_reader import Array
from actors.core.sources.readers.csv_text import ENCODINGS, UTF_8
from actors.core.sources.readers.fields import DEFAULT_SPLIT, path_field, split_fields
from actors.core.sources.readers.splitting import drawn_for_validation
from actors.core.sources.readers.table_columns import (
    OWN_CATEGORY,
    REFUSE,
    Targets,
    check_columns,
    check_inputs_there,
    encoded,
    fitted,
    input_names,
    numbering_columns,
    targets_of,
)
from actors.core.sources.readers.table_file import MAX_COLUMNS, TableFile, table_on_disk
from actors.core.sources.readers.table_reading import (
    RawTable,
    Wanted,
    read_csv,
    read_jsonl,
    read_parquet,
)
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Skipped, Split, column_statistics
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling

MAX_NAME_CHARS = 500
MAX_FILL = 1e15
UNFIT = '"\r\n\0'
"""What can delimit no cells."""


@dataclass(frozen=True)
class TableFormat:
    """A file format of tables; ``fields`` are the format's own arguments."""

    name: str
    says: str
    read_table: Callable[[TableFile, Mapping[str, Any]], RawTable]
    fields: Mapping[str, Field] = field(default_factory=dict)

    def files(self, spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
        """The file for training and, if there is one, the file for validation."""
        own = spec.keywords
        named = [name for name in ("path", "val_path") if own[name] is not None]
        return tuple(folders.find(f"{WHERE}.{name}", str(own[name])) for name in named)

    def read_like(
        self, spec: SourceSpec, folders: Folders, known: SourceFacts
    ) -> tuple[Split, ...]:
        """All rows of the file, encoded as those that a model was trained on."""
        if not known.columns:
            raise InvalidRequest(
                f"{WHERE}.format is {self.name!r}, a table with named columns, but {known.name} "
                "has none: name data of the kind that the network was trained on"
            )
        path = self.files(spec, folders)[0]
        return (self._another_file(path, known.class_names, known.columns, spec.keywords),)

    def read(self, spec: SourceSpec, folders: Folders) -> Samples:
        """The categories come from all rows, the statistics only from the training rows."""
        own = spec.keywords
        path, *val_paths = self.files(spec, folders)
        if val_paths and own["validation_split"] is not None:
            raise InvalidRequest(
                f"{WHERE}.validation_split is {own['validation_split']:g}, but val_path has the "
                "rows for validation: leave one of them out"
            )
        train = self.read_table(table_on_disk(path), own)
        names = input_names(train, own)
        targets = targets_of(train, own)
        for_val = np.zeros(train.num_rows, bool) if val_paths else _drawn(targets, own)
        columns = tuple(
            fitted(train, train.column(name, _wanted(name, own)), ~for_val, own) for name in names
        )
        rows = encoded(train, columns)
        at = train.place
        numbers = np.arange(1, train.num_rows + 1)
        split = Split(
            rows[~for_val], targets.values[~for_val], at, at, row_numbers=numbers[~for_val]
        )
        if val_paths:
            of_val = self._another_file(val_paths[0], targets.class_names, columns, own)
        else:
            chosen = targets.values[for_val]
            of_val = Split(rows[for_val], chosen, at, at, row_numbers=numbers[for_val])
        found = _found(split, of_val, targets, columns)
        return Samples(split, of_val, found, skipped=_skipped(train, names))

    def _another_file(
        self,
        path: Path,
        class_names: tuple[str, ...],
        columns: tuple[Column, ...],
        given: Mapping[str, Any],
    ) -> Split:
        """The rows of another file, encoded like those for training. What is text there is read as
        text here, whatever it looks like."""
        categorical = [column.name for column in columns if column.categories]
        if (target := given["target"]) in given["categorical"]:
            categorical.append(target)
        own = {**given, "categorical": tuple(categorical)}
        table = self.read_table(table_on_disk(path), own)
        check_inputs_there(table, columns)
        check_columns(table, "target", [target])
        rows = encoded(table, columns)
        targets = _targets_like(table, class_names, own)
        row_numbers = np.arange(1, table.num_rows + 1)
        return Split(rows, targets, table.place, table.place, row_numbers=row_numbers)


def _skipped(table: RawTable, names: Collection[str]) -> tuple[Skipped, ...]:
    """The columns that are left out because they only number the rows."""
    return tuple(
        Skipped(
            f"{table.place}, column {table.names.index(name) + 1:,}",
            f"is called {name!r} and may number the rows: give it a name to have it as an input",
        )
        for name in dict.fromkeys(numbering_columns(table))
        if name not in names
    )


def _wanted(name: str, own: Mapping[str, Any]) -> Wanted:
    return "categories" if name in own["categorical"] else "either"


def _drawn(targets: Targets, own: Mapping[str, Any]) -> Array:
    is_classes = bool(targets.class_names)
    count = len(targets.values)
    classes = targets.values if is_classes else np.zeros(count, np.int64)
    share = own["validation_split"] or DEFAULT_SPLIT
    return drawn_for_validation(count, share, own["seed"], classes)


def _targets_like(table: RawTable, class_names: tuple[str, ...], own: Mapping[str, Any]) -> Array:
    """The targets, numbered like those for training."""
    if not class_names:
        return targets_of(table, {**own, "target_type": "numbers"}).values
    raw = table.column(own["target"], "categories")
    place = {name: i for i, name in enumerate(class_names)}
    for row, code in enumerate(raw.numbers.tolist()):
        name = None if code != code else raw.categories[int(code)]
        if name not in place:
            raise DatasetUnavailable(
                f"{table.at(row, raw.name)} is {shown_value(name)}, but no training row has that "
                "class: put one there, or delete the row"
            )
    return np.array([place[raw.categories[int(c)]] for c in raw.numbers.tolist()], np.int64)


def _found(train: Split, val: Split, targets: Targets, columns: tuple[Column, ...]) -> Found:
    """Columns of 0 and 1 that stand for a category are not scaled."""
    mean, std = column_statistics(train.inputs)
    one_hot = [column.width > 1 or bool(column.categories) for column in columns]
    stays = [s for column, s in zip(columns, one_hot, strict=True) for _ in range(column.width)]
    mean = tuple(0.0 if own else m for own, m in zip(stays, mean, strict=True))
    std = tuple(1.0 if own else s for own, s in zip(stays, std, strict=True))
    return Found(
        len(train.inputs),
        len(val.inputs),
        len(targets.class_names) or None,
        mean,
        std,
        shape=train.inputs.shape[1:],
        class_names=targets.class_names,
        columns=columns,
    )


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    scaling = Scaling(found.mean, found.std) if spec.keywords["normalize"] else None
    is_numbers = found.num_classes is None
    return SourceFacts(
        str(spec.keywords["path"]),
        SampleViews(
            SampleView(TensorSpec(found.shape), scaling),
            SampleView(TensorSpec((1,))) if is_numbers else CLASS,
        ),
        found.num_classes,
        found.num_train,
        found.num_val,
        "regression" if is_numbers else "classification",
        class_names=found.class_names,
        columns=found.columns,
    )


def _missing_numbers() -> Field:
    def check(value: Any) -> float | str:
        if value in (REFUSE, "mean", "median"):
            return str(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not abs(value) <= MAX_FILL
        ):
            raise ValueError
        return float(value)

    return Field(
        check, f"{REFUSE!r}, 'mean', 'median', or a number of at most {MAX_FILL:g}", REFUSE
    )


def _delimiter() -> Field:
    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in UNFIT:
            raise ValueError
        return value

    return Field(check, "one character, such as ',' or ';' or a tab", ",")


FIELDS: Mapping[str, Field] = {
    "path": path_field("a file"),
    "val_path": path_field("a file with the rows for validation", None),
    "target": text(MAX_NAME_CHARS),
    "target_type": choice(("classes", "numbers"), None),
    "inputs": texts(MAX_COLUMNS, MAX_NAME_CHARS),
    "categorical": texts(MAX_COLUMNS, MAX_NAME_CHARS),
    "categories": choice(("one_hot", "integers"), "one_hot"),
    "missing_numbers": _missing_numbers(),
    "missing_categories": choice((REFUSE, OWN_CATEGORY), REFUSE),
    "normalize": flag(True),
    **split_fields(),
}
FORMATS = (
    TableFormat(
        "csv",
        "a table of yours, a line for each row",
        read_csv,
        {
            "delimiter": _delimiter(),
            "decimal": choice((".", ","), "."),
            "encoding": choice(ENCODINGS, UTF_8),
            "header": flag(True),
        },
    ),
    TableFormat("jsonl", "a table of yours, a JSON object a line for each row", read_jsonl),
    TableFormat("parquet", "a table of yours as parquet", read_parquet),
)
TABLE_FORMATS = {own.name: own for own in FORMATS}
READING_FIELDS = frozenset(name for own in FORMATS for name in own.fields)
"""How a file is written, whatever is in it."""
for own in FORMATS:
    add_source(
        SourceKind(
            own.name,
            own.says,
            own.read,
            _facts,
            files=own.files,
            fields={**FIELDS, **own.fields},
            view_fields=frozenset({"normalize"}),
            remedy="Correct the file",
            is_format=True,
            read_like=own.read_like,
        )
    )
