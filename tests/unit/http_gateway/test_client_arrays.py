"""A job's numbers as arrays, by a client without a gateway."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from http_gateway import client_arrays
from http_gateway.client_arrays import ClientArrays
from http_gateway.operations.operation import Operation


class Client(ClientArrays):
    """Answers by functions of the arguments."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: Operation, *required: Any, **arguments: Any) -> Any:
        self.asked.append((operation.name, arguments))
        return self.answers[operation.name](**arguments)


def test_epochs_become_arrays_with_nan_for_what_is_missing() -> None:
    epochs: list[dict[str, Any]] = [
        {"epoch": 1, "train_loss": 0.5, "val_r2": None},
        {"epoch": 2, "train_loss": 0.25, "val_r2": 0.75, "val_mae": 3.0},
    ]

    def get_job(after_epoch: int, history_limit: int) -> dict[str, Any]:
        return {"history": [e for e in epochs if e["epoch"] > after_epoch], "num_epochs": 2}

    found = Client(get_job=get_job).history_arrays("7")
    assert list(found) == ["epoch", "train_loss", "val_r2", "val_mae"]
    assert found["train_loss"].dtype == np.float64
    assert found["epoch"].tolist() == [1.0, 2.0] and found["val_r2"][1] == 0.75
    assert np.isnan(found["val_r2"][0]) and np.isnan(found["val_mae"][0])


def test_all_steps_are_read_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_arrays, "STEPS_AT_ONCE", 2)
    steps = [{"epoch": n // 3 + 1, "step": n % 3 + 1, "loss": float(n)} for n in range(5)]

    def list_steps(after_epoch: int, after_step: int, limit: int) -> list[dict[str, Any]]:
        behind = (after_epoch, after_step)
        return [s for s in steps if (s["epoch"], s["step"]) > behind][:limit]

    client = Client(list_steps=list_steps)
    assert client.step_arrays("7")["loss"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(client.asked) == 3


def test_of_a_job_without_steps_there_are_no_arrays() -> None:
    assert Client(list_steps=lambda **_: []).step_arrays("7") == {}


def test_curves_become_arrays_by_their_names() -> None:
    curve = {"name": "loss", "steps": [1, 2], "at": [None, 5.0], "values": [0.5, None]}

    def get_metrics(names: str | None, max_points: int) -> dict[str, Any]:
        assert (names, max_points) == ("loss,val_loss", 10_000)
        return {"series": [curve], "last_seq": 7}

    found = Client(get_metrics=get_metrics).metric_arrays("7", ["loss", "val_loss"])
    assert list(found) == ["loss"] and found["loss"]["steps"].tolist() == [1.0, 2.0]
    assert np.isnan(found["loss"]["at"][0]) and np.isnan(found["loss"]["values"][1])
