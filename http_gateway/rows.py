"""The rows of a prediction: from the body's bytes to arrays, without a list of all numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from actors.core.errors import InvalidRequest
from http_gateway.json_request import parse_body
from http_gateway.schemas import MAX_PREDICT_ROWS, Predict
from http_gateway.validation_text import validation_text

Array = np.ndarray[Any, Any]

MAX_PIXEL = 255.0
MAX_OUTPUTS = 4_000_000
SMALL_BODY = 2**20  # with a mistake in it, it is taken apart to find which
SPACE = rb"[ \t\r\n]*"
HEAD = re.compile(rb'%b\{%b"inputs"%b:%b\[%b' % ((SPACE,) * 5))
ROW = re.compile(rb"\[[-+.0-9eE, \t\r\n]*\]")
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


ReadRows = Callable[[int, int], Rows]
"""Given how many features a row has to have, and how many numbers its answer has."""


def read_rows(body: bytes, num_features: int, num_outputs: int) -> Rows:
    """Raises ``InvalidRequest``, which names row, column, value and limit."""
    taken = _Taken(num_features, num_outputs)
    at = _take_rows(body, taken)
    if at is not None:
        if len(body) > SMALL_BODY:
            raise InvalidRequest(
                f'The request body is not {{"inputs": [[numbers], …]}}: it differs at byte {at}'
            )
        taken = _Taken(num_features, num_outputs)
        for row in _checked(body).inputs:
            taken.add(row)
    return Rows(taken.rows, taken.largest)


def note_about(dataset: str, largest: float) -> str | None:
    """What is to be told of values that are allowed, but hardly what was meant."""
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

    def __init__(self, num_features: int, num_outputs: int) -> None:
        self._num_features, self._num_outputs = num_features, num_outputs
        self._max_rows = min(MAX_PREDICT_ROWS, max(1, MAX_OUTPUTS // num_outputs))
        self.rows: list[Array] = []
        self.largest = 0.0

    def add(self, values: list[float]) -> None:
        index, num_features = len(self.rows), self._num_features
        if index == self._max_rows:
            raise InvalidRequest(
                f"inputs has more than {index} entries, but must be a list of 1 to {index} for a "
                f"network of {self._num_outputs} outputs"
            )
        if len(values) != num_features:
            raise InvalidRequest(
                f"inputs[{index}] has {len(values)} values, but the network takes {num_features}"
            )
        row = _to_array(values)
        wrong = np.flatnonzero(~((row >= 0.0) & (row <= MAX_PIXEL)))
        if len(wrong):
            column = int(wrong[0])
            raise InvalidRequest(
                f"inputs[{index}][{column}] is {row[column]:g}, but must be a number from 0 to "
                "255: the network takes pixels as the data is stored"
            )
        self.largest = max(self.largest, float(row.max()))
        self.rows.append(row.astype(np.float32))


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
        row = ROW.match(body, at)
        if row is None:
            return at
        try:
            taken.add(json.loads(row.group()))
        except InvalidRequest:
            raise
        except ValueError:
            return at
        at = row.end()
        comma = NEXT.match(body, at)
        if comma is None:
            return None if TAIL.fullmatch(body, at) else at
        at = comma.end()


def _checked(body: bytes) -> Predict:
    try:
        return Predict.model_validate(parse_body(body))
    except ValidationError as error:
        raise InvalidRequest(validation_text(error, Predict)) from error
