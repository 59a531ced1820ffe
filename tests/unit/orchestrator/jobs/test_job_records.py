from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.model.parse import parse_layers
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.sources.registry import facts_of_source, parse_source
from actors.core.sources.source_facts import Found
from orchestrator.files.stored_json import to_stored
from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.job_records import from_record, to_record
from orchestrator.jobs.job_spec import JobConfig
from orchestrator.jobs.train_options import TrainOptions, parse_train_options
from orchestrator.proof.bit_equality import ComputedFrom, ComputedLayers
from orchestrator.store.records import JobRecord
from tests.support.job_records import make_job

LAYERS: list[dict[str, Any]] = [
    {"type": "Conv2d", "out_channels": 4, "kernel_size": [3, 1], "padding": "same"},
    {"type": "BatchNorm2d", "momentum": 1},
    {"type": "Residual", "layers": [{"type": "Dropout", "p": 0.0}, {"type": "LeakyReLU"}]},
    {"type": "AdaptiveAvgPool2d", "output_size": [1, 2]},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10, "bias": False},
]


RECIPE = {
    **to_stored(PLAIN_SGD),
    "optimizer": {"kind": "Gone", "arguments": []},
}


def read(record: JobRecord) -> Job:
    """As it comes back from the store's JSON."""
    stored = {name: json.loads(json.dumps(getattr(record, name))) for name in ("spec", "planning")}
    job = from_record(replace(record, **stored))
    assert isinstance(job, Job), job.reason
    return job


def broken(record: JobRecord, **changed: Any) -> BrokenJob:
    job = from_record(replace(record, **changed))
    assert isinstance(job, BrokenJob)
    return job


def test_a_job_comes_back_as_it_was_parsed_whatever_would_be_parsed_today() -> None:
    job = make_job()
    inputs = TensorSpec((1, 8, 8))
    model = ModelSpec(parse_layers(LAYERS, inputs, "layers").layers, inputs, seed=3)
    config = {"optimizer": {"type": "AdamW", "betas": [0.5, 0.75]}, "lr_schedule": "one_cycle"}
    transform = [{"type": "RandomCrop", "size": [6, 8]}, {"type": "RandomHorizontalFlip"}]
    source = parse_source({"name": "digits", "transform": transform})
    data = facts_of_source(source, Found(1_438, 359, 10, (0.3,), (0.4,)))
    sent = JobConfig({"layer_sizes": "no list at all"}, {"name": "digits"}, config)
    parsed: dict[str, Any] = {
        "model": model,
        "train": parse_train_options(config),
        "source": source,
    }
    job.spec = replace(job.spec, **parsed, data=data, config=sent)
    record = to_record(job)
    spec = read(record).spec
    assert repr(spec) == repr(job.spec)  # equality takes True, 1 and 1.0 for the same
    assert hash(spec) == hash(job.spec)
    assert read(record).spec.config.train == config


def test_a_job_that_can_not_be_read_is_broken_and_says_why() -> None:
    record = to_record(make_job("7"))
    layer = {"kind": "Hyperconv", "arguments": [], "layers": []}
    model, sent = {**record.spec["model"], "layers": [layer]}, record.spec["config"]
    for changed, words in (
        ({"spec": {**record.spec, "batch_size": "many"}}, "batch_size"),
        ({"spec": {**record.spec, "model": model}}, "no kind of layer Hyperconv"),
        ({"spec": {**record.spec, "train": {"recipe": RECIPE}}}, "no optimizer Gone"),
        ({"spec": {"config": {**sent, "model": {"layer_sizes": [64, 9]}}}}, "has 10 classes"),
        ({"spec": {"config": {**sent, "dataset": {}}}}, "dataset_config.name"),
        ({"status": "dreaming"}, "dreaming"),
        ({"planning": {"links": [{}]}}, "links.0.before"),
    ):
        job = broken(record, **changed)
        assert words in job.reason and "DELETE /api/jobs/7" in job.reason
        assert job.details()["status"] == "broken" and job.details()["error"] == job.reason


def test_what_a_recovery_cost_and_waits_for_is_kept() -> None:
    job = make_job()
    session = Session(1, TrainOptions(), 2, 0, num_failures=1, lost_steps=7)
    session.waiting_for, session.last_cause = ["10.0.0.2:5001"], "device 1 is gone"
    job.sessions = [session]
    shown = read(to_record(job)).details()["recovery"]
    assert shown == job.details()["recovery"]
    assert shown["lost_steps"] == 7 and shown["waiting_for"] == ["10.0.0.2:5001"]


def test_by_what_a_session_was_computed_is_kept() -> None:
    job = make_job()
    host = {"tandem": "1", "torch": "2", "cpu": "3"}
    layers = (ComputedLayers(0, 2, 1, host), ComputedLayers(2, 3, 2, host))
    job.sessions = [Session(1, TrainOptions(), 2, 0, computed=[ComputedFrom(4, layers)])]
    (session,) = read(to_record(job)).sessions
    assert session.computed == job.sessions[0].computed
