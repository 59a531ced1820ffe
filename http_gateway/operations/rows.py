"""The rows of a prediction: from the body's bytes to arrays, without a list of all numbers."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from http_gateway.operations.json_request import parse_body
from http_gateway.operations.validation_text import validation_text
from http_gateway.schemas.predict import MAX_PREDICT_ROWS, Predict

Array = np.ndarray[Any, Any]

MAX_OUTPUTS = 4_000_000
MAX_RANK = 8
"""Of a sample: as of what ``Unflatten`` makes."""
SMALL_BODY = 2**20  # with a mistake in it, it is taken apart to find which
SPACE = rb"[ \t\r\n]*"
HEAD = re.compile(rb'%b\{%b"inputs"%b:%b\[%b' % ((SPACE,) * 5))
ROW = re.compile(rb"\[[-+.0-9eE, \t\r\n]*\]")
BRACKET = re.compile(rb"[\[\]]")
NESTED = re.compile(rb"\[[-+.0-9eE, \t\r\n\[\]]*\]")
NEXT = re.compile(rb"%b,%b" % (SPACE, SPACE))
TAIL = re.compile(rb"%b\]%b\}%b" % ((SPACE,) * 3))


@dataclass(frozen=True)
class Rows:
    """float32 rows of one length, and the largest value of all."""

    rows: list[Array]
    largest: float

    def blocks(self, num_rows: int) -> Iterator[Array]:
        """They, at most so many at a time."""
        for start in range(0, len(self.rows), num_rows):
            yield np.stack(self.rows[start : start + num_rows])


def most_rows(num_outputs: int) -> int:
    """Of one request to a network of so many outputs."""
    return min(MAX_PREDICT_ROWS, max(1, MAX_OUTPUTS // num_outputs))


def read_rows(body: bytes, form: InputForm, num_outputs: int) -> Rows:
    """Raises ``InvalidRequest``, which names row, place, value and limit. A row's numbers are in
    one list, or nested as a sample is."""
    taken = _Taken(form, num_outputs)
    at = _take_rows(body, taken)
    if at is not None:
        if len(body) > SMALL_BODY:
            raise InvalidRequest(
                f'The request body is not {{"inputs": [[numbers], …]}}: it differs at byte {at}'
            )
        taken = _Taken(form, num_outputs)
        for row in _checked(body):
            taken.add(row)
    return Rows(taken.rows, taken.largest)


def note_about(form: InputForm, dataset: str, largest: float) -> str | None:
    """What is to be told of values that are allowed, but hardly what was meant."""
    if not form.is_pixels:
        return None
    if 0.0 < largest <= 1.0:
        return (
            f"No value is above {largest:g}, but the network takes pixels from 0 to 255, as the "
            "data is stored: if yours go from 0 to 1, multiply them by 255"
        )
    if dataset == "digits" and 1.0 < largest <= 16.0:
        return (
            f"No value is above {largest:g}, but the network takes pixels from 0 to 255: if yours "
            "are those of scikit-learn's load_digits, from 0 to 16, multiply them by 255 / 16"
        )
    return None


class _Taken:
    """The rows so far."""

    def __init__(self, form: InputForm, num_outputs: int) -> None:
        self.form, self._num_outputs = form, num_outputs
        self._max_rows = most_rows(num_outputs)
        self.rows: list[Array] = []
        self.largest = 0.0

    def add(self, values: list[Any]) -> None:
        """Numbers in one list, or nested."""
        index = len(self.rows)
        if index == self._max_rows:
            raise InvalidRequest(
                f"inputs has more than {index} entries, but must be a list of 1 to {index} for a "
                f"network of {self._num_outputs} outputs"
            )
        nested = _is_nested(values)
        row = self._nested(values, index) if nested else self._flat(values, index)
        wrong = self.form.first_wrong(row)
        if wrong is not None:
            shape = self.form.shape if nested else row.shape
            place = "".join(f"[{int(i)}]" for i in np.unravel_index(wrong, shape))
            raise InvalidRequest(
                f"inputs[{index}]{place} is {row[wrong]:g}, but must be {self.form.says}"
            )
        self.largest = max(self.largest, float(row.max()))
        self.rows.append(row.astype(np.float32))

    def _flat(self, values: list[float], index: int) -> Array:
        if len(values) != self.form.num_features:
            raise InvalidRequest(
                f"inputs[{index}] has {len(values)} values, but the network takes "
                f"{self.form.num_features}"
            )
        return _to_array(values)

    def _nested(self, values: list[Any], index: int) -> Array:
        shape, wanted = _shape(values), self.form.shape
        if shape != wanted:
            found = "lists of unlike lengths" if shape is None else f"the shape {list(shape)}"
            raise InvalidRequest(
                f"inputs[{index}] has {found}, but the network takes {list(wanted)}, or its "
                f"{self.form.num_features} values in one list"
            )
        for _ in wanted[1:]:
            values = [inner for one in values for inner in one]
        return _to_array(values)


def _shape(values: list[Any]) -> tuple[int, ...] | None:
    """Of nested lists; None where they differ in length, or in depth."""
    shape, level = [len(values)], values
    while any(isinstance(one, list) for one in level):
        lengths = {len(one) if isinstance(one, list) else None for one in level}
        length = lengths.pop()
        if lengths or length is None:
            return None
        shape.append(length)
        level = [inner for one in level for inner in one]
    return tuple(shape)


def _to_array(values: list[float]) -> Array:
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:  # integers beyond what float64 holds
        return np.array([min(max(value, -1e300), 1e300) for value in values])


def _take_rows(body: bytes, taken: _Taken) -> int | None:
    """Takes them, row by row; else the byte at which the body is anything but rows of numbers."""
    head = HEAD.match(body)
    if head is None:
        return 0
    at = head.end()
    while True:
        end = _row_end(body, at, taken.form)
        if end is None:
            return at
        try:
            taken.add(json.loads(body[at:end]))
        except InvalidRequest:
            raise
        except (ValueError, RecursionError):
            return at
        at = end
        comma = NEXT.match(body, at)
        if comma is None:
            return None if TAIL.fullmatch(body, at) else at
        at = comma.end()


def _row_end(body: bytes, at: int, form: InputForm) -> int | None:
    """Behind the row that begins there, if it is one of numbers, flat or nested as ``form`` is."""
    row = ROW.match(body, at)
    if row is not None:
        return row.end()
    # So that no body is looked at for long.
    depth, most = 0, 2 * (len(form.shape) * form.num_features + 1)
    for found in itertools.islice(BRACKET.finditer(body, at), most):
        depth += 1 if found.group() == b"[" else -1
        if depth == 0:
            return found.end() if NESTED.fullmatch(body, at, found.end()) else None
    return None


def _checked(body: bytes) -> list[list[Any]]:
    parsed = parse_body(body)
    inputs = parsed.get("inputs")
    if isinstance(inputs, list) and any(_is_nested(row) for row in inputs):
        _validated({**parsed, "inputs": [_leaves(row) for row in inputs]})
        return inputs
    return _validated(parsed).inputs


def _validated(parsed: dict[str, Any]) -> Predict:
    try:
        return Predict.model_validate(parsed)
    except ValidationError as error:
        raise InvalidRequest(validation_text(error, Predict)) from error


def _is_nested(row: Any) -> bool:
    return isinstance(row, list) and any(isinstance(one, list) for one in row)


def _leaves(row: Any) -> Any:
    """What is in nested lists, in one; deeper ones stay, and are none that is allowed."""
    for _ in range(MAX_RANK):
        if not _is_nested(row):
            break
        row = [inner for one in row for inner in (one if isinstance(one, list) else [one])]
    return row
