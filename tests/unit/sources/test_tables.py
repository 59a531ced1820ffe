from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from actors.core.errors import DatasetUnavailable
from actors.core.sources.registry import facts_of_source, parse_source
from actors.core.sources.source_facts import SourceFacts
from tests.support.sources import read

TABLES = {"iris": (4, 3), "wine": (13, 3), "breast_cancer": (30, 2), "diabetes": (10, None)}


def facts_of(name: str, **config: object) -> SourceFacts:
    return facts_of_source(parse_source({"name": name, **config}), read(name).found)


@pytest.mark.parametrize("name", TABLES)
def test_one_row_in_five_is_kept_for_validation(name: str) -> None:
    samples, (num_features, num_classes) = read(name), TABLES[name]
    num_train, num_val = len(samples.train.inputs), len(samples.val.inputs)
    assert num_val == round((num_train + num_val) / 5)
    assert samples.train.inputs.shape == (num_train, num_features)
    assert samples.train.inputs.dtype == np.float32
    rows = np.concatenate([samples.train.inputs, samples.val.inputs])
    bunch = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")(
        **({"scaled": False} if num_classes is None else {})
    )
    assert sorted(rows.tolist()) == sorted(bunch.data.astype(np.float32).tolist())
    if num_classes is not None:
        assert set(samples.val.targets.tolist()) == set(range(num_classes))
    assert read(name).fingerprint == samples.fingerprint


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_standardised_by_the_training_rows(name: str) -> None:
    samples, facts = read(name), facts_of(name)
    assert facts.inputs.shape == (TABLES[name][0],) and facts.inputs.dtype == "float32"
    view = facts.views.inputs
    train = view.prepare(torch.from_numpy(samples.train.inputs))
    assert torch.allclose(train.mean(dim=0), torch.zeros(train.shape[1]), atol=1e-4)
    assert torch.allclose(train.std(dim=0, unbiased=False), torch.ones(train.shape[1]), atol=1e-4)
    plain = facts_of(name, normalize=False).views.inputs
    stored = torch.from_numpy(samples.val.inputs)
    assert torch.equal(plain.prepare(stored), stored)


def test_classes_are_for_classification_and_numbers_for_regression() -> None:
    iris, diabetes = facts_of("iris"), facts_of("diabetes")
    assert (iris.task, iris.targets.shape, iris.num_classes) == ("classification", (), 3)
    assert (diabetes.task, diabetes.targets.shape, diabetes.num_classes) == (
        "regression",
        (1,),
        None,
    )
    targets = read("diabetes").train.targets
    assert targets.shape == (354, 1) and targets.dtype == np.float32
    assert targets.min() >= 25 and targets.max() <= 346


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_named_with_its_place(
    monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    datasets = importlib.import_module("sklearn.datasets")
    bunch = datasets.load_wine()
    bunch.data[7, 3] = bad
    monkeypatch.setattr(datasets, "load_wine", lambda: bunch)
    with pytest.raises(DatasetUnavailable, match=r"scikit-learn's wine has (nan|inf) .*column 3"):
        read("wine")


def test_a_table_that_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("disk error")

    monkeypatch.setattr(importlib.import_module("sklearn.datasets"), "load_iris", fail)
    with pytest.raises(DatasetUnavailable, match=r"iris .*disk error.* Install"):
        read("iris")
