"""When a session ends because a metric of its validations gets no better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import actors.core.tasks.metrics as _metrics  # noqa: F401 - fills the registry
from actors.core.errors import InvalidRequest
from actors.core.fields import (
    Field,
    check_fields,
    choice,
    count,
    number,
    optional,
    shown_value,
    text,
)
from actors.core.tasks.registry import METRICS

MODES = ("min", "max")


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a session after ``patience`` validations in a row in which ``metric`` was not better
    than its best by more than ``min_delta``; ``mode`` says whether smaller or larger is better."""

    metric: str
    mode: str
    patience: int
    min_delta: float

    def after(self, standing: Standing, value: float | None) -> Standing:
        """One more validation; None is a value that is not finite."""
        if value is None or not math.isfinite(value):
            return Standing(standing.best, standing.stale + 1)
        best = standing.best
        gain = math.inf if best is None else best - value
        if self.mode == "max" and best is not None:
            gain = value - best
        if gain > self.min_delta:
            return Standing(value, 0)
        return Standing(best, standing.stale + 1)

    def ends(self, standing: Standing) -> bool:
        """Whether the session has come to its end."""
        return standing.stale >= self.patience


@dataclass(frozen=True)
class Standing:
    """The best value so far, and how many validations have brought no better one since."""

    best: float | None = None
    stale: int = 0


FIELDS: dict[str, Field] = {
    "metric": text(64, "loss"),
    "mode": optional(choice(MODES)),
    "patience": count(1, 100_000, 3),
    "min_delta": number(0.0, 1e9, 0.0),
}


def parse_early_stopping(where: str, given: Any) -> EarlyStopping | None:
    """Raises ``InvalidRequest``. A metric may have its name from the history, and says itself
    whether larger is better."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f'{where} is {shown_value(given)}, but must be an object such as {{"patience": 3}}'
        )
    values = check_fields(where, "early_stopping", FIELDS, given)
    metric = values["metric"].removeprefix("val_")
    known = METRICS.get(metric)
    mode = "max" if known is not None and known.larger_is_better else "min"
    return EarlyStopping(metric, values["mode"] or mode, values["patience"], values["min_delta"])
