"""Samples for tests, from a source or made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.core.folders import Folders
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.rows.row_reader import Array
from actors.core.sources.registry import (
    SOURCES,
    SourceSpec,
    facts_of_source,
    known_of,
    parse_source,
    read_source,
)
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.specs import SessionSpec
from orchestrator.jobs.job_spec import JobSpec, parse_job_spec

NO_FOLDER = Path("unused")


def folders(folder: Path) -> Folders:
    return Folders(folder, (folder,))


def read(name: str, folder: Path = NO_FOLDER, **config: Any) -> Samples:
    return read_source(source_of(name, **config), folders(folder))


def source_of(name: str, **config: Any) -> SourceSpec:
    """As a job asks for it, by its name or its format."""
    return parse_source({SOURCES[name].asked_by: name, **config})


def split_of(inputs: Array, targets: Array) -> Split:
    return Split(inputs, targets, "inputs", "targets")


def samples_of(train: Split, val: Split) -> Samples:
    return Samples(train, val, Found(len(train.inputs), len(val.inputs)))


def first(samples: Samples, num_train: int) -> Samples:
    """With this many of the training samples."""
    train = samples.train
    return samples_of(split_of(train.inputs[:num_train], train.targets[:num_train]), samples.val)


def views(mean: float = 0.3059, std: float = 0.3763, shape: tuple[int, ...] = (64,)) -> SampleViews:
    """Views of pixels and classes, by default those of digits."""
    return SampleViews(SampleView(TensorSpec(shape), Scaling((mean,), (std,), 255.0)), CLASS)


def fitting(session: SessionSpec, network: ModelSpec) -> SessionSpec:
    """With inputs of the network's form."""
    inputs = replace(session.views.inputs, sample=network.inputs)
    return replace(session, views=replace(session.views, inputs=inputs))


def facts(name: str, **config: Any) -> SourceFacts:
    """The facts of a source that need no reading."""
    source = parse_source({"name": name, **config})
    found = known_of(source, folders(NO_FOLDER))
    assert found is not None
    return facts_of_source(source, found)


def job_spec(
    model_config: dict[str, Any],
    dataset_config: dict[str, Any],
    folder: Path = NO_FOLDER,
    num_train: int | None = None,
    train_config: dict[str, Any] | None = None,
) -> JobSpec:
    """The specification of a job; if only reading shows what is in its source, it is read. There
    are ``num_train`` samples."""

    def find(source: SourceSpec) -> Found:
        found = known_of(source, folders(folder)) or read_source(source, folders(folder)).found
        return found if num_train is None else replace(found, num_train=num_train)

    return parse_job_spec(model_config, dataset_config, find, train_config)
