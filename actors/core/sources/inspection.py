"""Describes a source to people before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from actors.core.input_form import Column
from actors.core.rows.row_reader import Array, one_row
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import SourceFacts
from actors.core.sources.views import SampleView

MAX_LISTED = 100
"""The limit for lists of classes, columns, a column's categories and skipped files. Their numbers
are always given."""
NUM_EXAMPLES = 3
MAX_NUMBERS = 20
MAX_CHARS = 200


def inspected(samples: Samples, facts: SourceFacts) -> dict[str, Any]:
    """The description, fit for JSON: number and shape of samples, classes or columns, skipped
    files, a few examples."""
    is_pixels = facts.input_form.is_pixels
    return {
        "data": facts.name,
        "num_train": facts.num_train,
        "num_val": facts.num_val,
        "inputs": {
            "shape": list(facts.inputs.shape),
            "dtype": facts.inputs.dtype,
            "kind": "pixels" if is_pixels else _kind(facts),
        },
        "task": facts.task,
        "num_classes": facts.num_classes,
        "classes": _classes(samples, facts),
        "columns": [_column(column) for column in facts.columns[:MAX_LISTED]],
        "num_columns": len(facts.columns),
        "num_skipped": len(samples.skipped),
        "skipped": [
            {"place": one.place, "reason": one.reason} for one in samples.skipped[:MAX_LISTED]
        ],
        "examples": list(_examples(samples.train, facts)),
        "fingerprint": samples.fingerprint,
    }


def _kind(facts: SourceFacts) -> str:
    return "tokens" if facts.num_tokens is not None else "numbers"


def _classes(samples: Samples, facts: SourceFacts) -> list[dict[str, Any]]:
    """Classes with their numbers of samples. Empty if targets are the next tokens, or not
    classes."""
    targets = samples.train.targets
    if facts.task != "classification" or facts.num_classes is None:
        return []
    counts = [
        np.bincount(split.targets, minlength=facts.num_classes).tolist()
        for split in (samples.train, samples.val)
    ]
    assert targets.dtype == np.int64
    return [
        {"name": _class_name(facts, i), "num_train": counts[0][i], "num_val": counts[1][i]}
        for i in range(min(facts.num_classes, MAX_LISTED))
    ]


def _class_name(facts: SourceFacts, index: int) -> str:
    return facts.class_names[index] if facts.class_names else str(index)


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": "categories" if column.categories else "numbers",
        "num_categories": len(column.categories) or None,
        "categories": list(column.categories[:MAX_LISTED]),
        "num_missing": column.num_missing,
        "missing_filled_with": column.fill,
    }


def _examples(train: Split, facts: SourceFacts) -> Iterator[dict[str, Any]]:
    """A few samples, spread evenly over the training samples."""
    last = facts.num_train - 1
    rows = sorted({last * i // max(1, NUM_EXAMPLES - 1) for i in range(NUM_EXAMPLES)})
    for row in rows:
        yield {
            "place": train.places[row] if train.places else None,
            "input": _input(train, facts, row),
            "target": _target(train, facts, row),
        }


def _input(train: Split, facts: SourceFacts, row: int) -> Any:
    """A sample's text, the values of its columns, or its first numbers as they are stored."""
    stored = _stored(facts.views.inputs, train.inputs, row)
    if facts.vocabulary is not None:
        return "".join(facts.vocabulary[token] for token in stored.tolist())[:MAX_CHARS]
    if facts.columns:
        return dict(_cells(facts.columns[:MAX_LISTED], stored))
    return stored.reshape(-1)[:MAX_NUMBERS].tolist()


def _stored(view: SampleView, inputs: Any, row: int) -> Array:
    if view.window is None:
        return one_row(inputs, row)
    first = row * view.window.stride + view.window.shift
    sample: Array = inputs[first : first + view.window.length]
    return sample


def _cells(columns: tuple[Column, ...], stored: Array) -> Iterator[tuple[str, Any]]:
    at = 0
    for column in columns:
        own = stored[at : at + column.width]
        at += column.width
        if not column.categories:
            yield column.name, float(f"{own[0]:.7g}")  # as many digits as float32 has
        else:
            index = int(own[0]) if column.is_numbered else int(own.argmax())
            yield column.name, column.categories[index]


def _target(train: Split, facts: SourceFacts, row: int) -> Any:
    if facts.task == "next_token":
        return None
    target = train.targets[row]
    if facts.task == "classification":
        return _class_name(facts, int(target))
    return np.asarray(target).reshape(-1)[:MAX_NUMBERS].tolist()
