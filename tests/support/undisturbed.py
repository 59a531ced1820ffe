"""The results of an undisturbed job, by the plain loop."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from actors.core.folders import Folders
from actors.core.sources.registry import read_source
from actors.core.stages.specs import SessionSpec
from http_gateway.client import TandemClient
from orchestrator.jobs.train_options import parse_train_options
from tests.support.plain_loop import PlainResult, train_plainly
from tests.support.sources import job_spec


def assert_undisturbed(
    client: TandemClient, job_id: str, options: dict[str, Any], data_dir: Path = Path("unused")
) -> None:
    """Compares every weight, every step's loss once and in order, every epoch's losses and
    accuracy.

    ``options`` are those of the job's only session, which was completed, or stopped at a step.
    """
    job = client.get_job(job_id)
    num_steps = client.list_checkpoints(job_id)[0]["step"]
    steps = _all_steps(client, job_id)
    assert len(steps) == num_steps
    expected = _train(job, options, data_dir, num_steps)
    per_epoch = job["progress"]["steps"]
    assert [(s["epoch"], s["step"]) for s in steps] == [
        (1 + i // per_epoch, 1 + i % per_epoch) for i in range(len(steps))
    ]
    assert [s["loss"] for s in steps] == expected.step_losses
    assert [record["train_loss"] for record in job["history"]] == expected.train_losses
    assert [metrics_of(record) for record in job["history"]] == expected.metrics
    weights = safetensors.torch.load(client.get_model(job_id))
    assert weights.keys() == expected.weights.keys()
    for name, tensor in expected.weights.items():
        assert torch.equal(weights[name], tensor), name


def metrics_of(record: dict[str, Any]) -> dict[str, float | None]:
    """A history's entry: the metrics of validation by name."""
    return {n.removeprefix("val_"): v for n, v in record.items() if n.startswith("val_")}


def _train(
    job: dict[str, Any], options: dict[str, Any], data_dir: Path, num_steps: int
) -> PlainResult:
    names = ("model_config", "dataset_config", "train_config")
    asked = {name: job[name] for name in names if name in job}
    asked |= {"options": options, "num_microbatches": job["plan"]["num_microbatches"]}
    return _train_once(json.dumps(asked), data_dir, num_steps)


@functools.lru_cache(maxsize=1)
def _train_once(asked: str, data_dir: Path, num_steps: int) -> PlainResult:
    """``asked`` is JSON; many jobs of a file of tests ask for the same."""
    job = json.loads(asked)
    spec = job_spec(job["model_config"], job["dataset_config"], data_dir)
    data = read_source(spec.source, Folders(data_dir, (data_dir,)))
    session = SessionSpec(
        generation=1,
        epochs=job["options"]["epochs"],
        batch_size=spec.batch_size,
        val_batch_size=spec.val_batch_size,
        num_train=len(data.train.targets),
        num_val=len(data.val.targets),
        views=spec.views,
        num_microbatches=job["num_microbatches"],
        shuffle=spec.shuffle,
        seed=spec.model.seed,
        recipe=parse_train_options(job.get("train_config"), job["options"]).recipe,
    )
    return train_plainly(spec.model, session, data, num_steps)


def _all_steps(client: TandemClient, job_id: str) -> list[dict[str, Any]]:
    """The API gives them by pages."""
    steps: list[dict[str, Any]] = []
    last: dict[str, int] = {}
    while page := client.list_steps(job_id, **last):
        steps += page
        last = {"after_epoch": page[-1]["epoch"], "after_step": page[-1]["step"]}
    return steps
