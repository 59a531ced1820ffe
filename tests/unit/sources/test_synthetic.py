from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actors.core.errors import InvalidRequest
from actors.core.sources.samples import Split
from tests.support.sources import facts, read

SMALL = {"num_train": 400, "num_val": 50}
KINDS: dict[str, dict[str, Any]] = {
    "table": {"inputs": [20], "classes": 5},
    "images": {"inputs": [3, 8, 8], "dtype": "uint8", "classes": 4},
    "tokens": {"inputs": [12], "dtype": "int64", "num_tokens": 30, "classes": 3},
    "numbers": {"inputs": [20], "targets": [3]},
    "numbers of images": {"inputs": [1, 4, 4], "dtype": "uint8", "targets": [2, 2]},
    "labels": {"inputs": [20], "labels": 4},
    "text": {"inputs": [16], "dtype": "int64", "num_tokens": 50},
}


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_what_the_facts_promise(kind: str) -> None:
    config = {**KINDS[kind], **SMALL}
    samples, known = read("synthetic", **config), facts("synthetic", **config)
    inputs = config["inputs"]
    assert known.inputs.shape == tuple(inputs)
    assert (known.num_train, known.num_val) == (400, 50)
    for split, count in ((samples.train, 400), (samples.val, 50)):
        if kind == "text":
            assert split.targets is split.inputs and len(split.inputs) == count * 16 + 1
        else:
            assert split.inputs.shape == (count, *inputs)
            assert split.targets.shape == (count, *known.targets.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_draws_them(kind: str) -> None:
    config = {**KINDS[kind], **SMALL}
    first = read("synthetic", **config).fingerprint
    assert first == read("synthetic", **config).fingerprint
    assert first != read("synthetic", **config, seed=1).fingerprint


def test_the_task_follows_from_what_is_asked_for() -> None:
    tasks = {kind: facts("synthetic", **config).task for kind, config in KINDS.items()}
    assert tasks == {
        "table": "classification",
        "images": "classification",
        "tokens": "classification",
        "numbers": "regression",
        "numbers of images": "regression",
        "labels": "multilabel",
        "text": "next_token",
    }


def explained(train: Split, val: Split, targets: tuple[np.ndarray, np.ndarray]) -> float:
    """The share of the targets' variance that a linear fit to the training samples tells."""
    inputs = [s.inputs.reshape(len(s.inputs), -1).astype(np.float64) for s in (train, val)]
    first, second = (np.c_[own, np.ones(len(own))] for own in inputs)
    fit = np.linalg.lstsq(first, targets[0], rcond=None)[0]
    left = targets[1] - second @ fit
    return float(1 - left.var() / targets[1].var())


def test_there_is_something_to_learn() -> None:
    for kind in ("table", "images", "numbers", "numbers of images", "labels"):
        samples = read("synthetic", **KINDS[kind], num_train=4000, num_val=500)
        splits = (samples.train, samples.val)
        flat = [split.targets.reshape(len(split.targets), -1) for split in splits]
        if "classes" in KINDS[kind]:
            flat = [(own == np.arange(KINDS[kind]["classes"])).astype(float) for own in flat]
        assert explained(*splits, (flat[0], flat[1])) > 0.2, kind
    tokens = read("synthetic", **KINDS["text"], **SMALL).train.inputs
    assert (tokens[97:] == tokens[:-97]).mean() > 0.7


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, "inputs is missing"),
        ({"inputs": 5, "classes": 2}, "inputs is 5"),
        ({"inputs": [], "classes": 2}, "inputs is"),
        ({"inputs": [0], "classes": 2}, "inputs is"),
        ({"inputs": [4]}, "needs classes, labels (how many), or targets"),
        ({"inputs": [4], "classes": 1}, "classes is 1"),
        (
            {"inputs": [4], "classes": 2, "targets": [1]},
            "has classes and targets, but a sample has only one",
        ),
        ({"inputs": [4], "labels": 2, "targets": [1]}, "has targets and labels"),
        ({"inputs": [4], "labels": 0}, "labels is 0"),
        ({"inputs": [4], "classes": 2, "dtype": "float64"}, "dtype is 'float64'"),
        ({"inputs": [4], "dtype": "int64"}, "num_tokens is None"),
        ({"inputs": [4], "classes": 2, "num_tokens": 5}, "num_tokens is 5"),
        ({"inputs": [4, 4], "dtype": "int64", "num_tokens": 9}, "must be [context]"),
        ({"inputs": [4], "targets": [10**4], "num_train": 10**6}, "bytes, but the limit"),
        ({"inputs": [4], "classes": 2, "num_train": 0}, "num_train is 0"),
        ({"inputs": [4], "classes": 2, "num_val": True}, "num_val is True"),
        ({"inputs": [4], "classes": 2, "seed": -1}, "seed is -1"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(config: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match="dataset_config") as caught:
        facts("synthetic", **config)
    assert named in caught.value.message
