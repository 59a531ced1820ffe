"""A source from outside the packages is one entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import count
from actors.core.folders import Folders
from actors.core.model.model_spec import TensorSpec
from actors.core.sources.registry import (
    COMMON_FIELDS,
    SOURCES,
    SourceKind,
    SourceSpec,
    add_source,
    arrays_key,
    parse_source,
    sources,
)
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews
from tests.support.sources import NO_FOLDER, facts, folders, job_spec, read


def _waves(spec: SourceSpec, folders: Folders) -> Samples:
    """Sines, told apart by how quickly they go."""
    length = int(spec.keywords["length"])

    def split(num: int) -> Split:
        classes = np.arange(num) % 3
        waves = np.sin(np.outer(classes + 1, np.arange(length)) / 5).astype(np.float32)
        return Split(waves[:, None], classes, "waves", "waves")

    return Samples(split(30), split(9), Found(30, 9, 3))


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    sample = TensorSpec((1, int(spec.keywords["length"])))
    views = SampleViews(SampleView(sample), CLASS)
    return SourceFacts(spec.name, views, 3, 30, 9, "classification")


@pytest.fixture
def waves() -> Iterator[None]:
    add_source(
        SourceKind(
            "waves",
            "sines of three kinds",
            _waves,
            _facts,
            known=lambda spec, folders: Found(30, 9, 3),
            fields={"length": count(2, 1000, 16)},
        )
    )
    yield
    del SOURCES["waves"]


@pytest.mark.usefixtures("waves")
def test_a_source_from_outside_is_read_checked_and_trained_on() -> None:
    assert facts("waves").inputs == TensorSpec((1, 16))
    samples = read("waves", length=8)
    assert samples.train.inputs.shape == (30, 1, 8) and len(samples.fingerprint) == 32
    layers = [
        {"type": "Conv1d", "out_channels": 2, "kernel_size": 3},
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 3},
    ]
    spec = job_spec({"layers": layers}, {"name": "waves", "length": 8, "batch_size": 10})
    view = spec.views.inputs
    assert view.prepare(view.gather(torch.from_numpy(samples.train.inputs), slice(0, 2))).shape == (
        2,
        1,
        8,
    )
    with pytest.raises(InvalidRequest, match=r"dataset_config\.length is 1, but must be"):
        facts("waves", length=1)


@pytest.mark.usefixtures("waves")
def test_a_name_is_taken_once() -> None:
    with pytest.raises(AssertionError, match="waves"):
        add_source(SOURCES["waves"])


def test_every_source_says_what_it_is_and_names_what_can_be_given() -> None:
    for name, kind in SOURCES.items():
        assert kind.name == name and kind.says and kind.remedy
        assert kind.view_fields <= kind.fields.keys()
        assert not kind.fields.keys() & set(COMMON_FIELDS)


def test_what_can_be_given_is_listed_by_what_it_is_checked_by() -> None:
    listed = {one["name"]: one for one in json.loads(json.dumps(sources()))}
    assert set(listed) == set(SOURCES)
    assert listed["text"]["fields"]["path"]["required"]
    assert listed["text"]["fields"]["validation_split"]["default"] == 0.1
    assert "'byclass'" in listed["EMNIST"]["fields"]["split"]["values"]


NEEDED = {"path": "x", "context": 2, "inputs": [2], "target": "y"}
WRONG: tuple[Any, ...] = (float("nan"), float("inf"), -1, 10**30, "", {}, [[]], [None], object())


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_field_of_every_source_refuses_what_it_can_not_be(name: str) -> None:
    kind = SOURCES[name]
    needed = {n: NEEDED[n] for n, own in kind.fields.items() if own.is_required}
    for field in kind.fields:
        for wrong in WRONG:
            if (field, wrong) == ("missing_numbers", -1):
                continue  # a number like any other
            with pytest.raises(
                InvalidRequest, match=rf"dataset_config\.{field}(\[0\])? is .*must be"
            ):
                parse_source({kind.asked_by: name, **needed, field: wrong})


def test_sources_that_differ_in_how_samples_are_viewed_share_their_arrays() -> None:
    given = {"format": "text", "path": "a.txt", "context": 8}
    one, other = parse_source(given), parse_source({**given, "context": 4, "stride": 1})
    assert arrays_key(one) == arrays_key(other)
    assert arrays_key(one) != arrays_key(parse_source({**given, "tokens": "bytes"}))


def test_labels_that_are_no_class_are_refused_wherever_they_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = SOURCES["iris"]

    def damaged(spec: SourceSpec, folders: Folders) -> Samples:
        samples = kind.read(spec, folders)
        samples.val.targets[4] = 3
        return samples

    monkeypatch.setitem(SOURCES, "iris", SourceKind("iris", "damaged", damaged, kind.facts))
    with pytest.raises(DatasetUnavailable, match=r"iris has label 3 for sample 4 .*classes 0 to 2"):
        read("iris")
    assert folders(NO_FOLDER).data == NO_FOLDER
