"""What is told of a model beside its weights: how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.core.model.blocks import num_parameters
from orchestrator.jobs.job_spec import JobSpec
from orchestrator.models.model_config import model_json


def training_record(
    details: Mapping[str, Any],
    spec: JobSpec,
    checkpoint: Mapping[str, Any] | None,
    last_epoch: int | None,
) -> dict[str, Any]:
    """Ready for JSON. ``details`` is the job as the API shows it, ``checkpoint`` the one whose
    weights the model has; None if no disk has them yet. ``last_epoch`` is the last one that had
    ended by then, None if all have: the job may have trained on since.

    Devices are told without their addresses: a model's card is often published.
    """
    plan = dict(details.get("plan") or {})
    train_config = plan.pop("train_config", None)
    data = details.get("data") or {"num_train": spec.data.num_train, "num_val": spec.data.num_val}
    return {
        "job_id": details["job_id"],
        "model_config": dict(spec.config.model),
        "model": model_json(spec.model),
        "num_parameters": num_parameters(spec.model),
        "task": details["task"],
        "data": {
            "name": spec.data.name,
            "dataset_config": dict(spec.config.dataset),
            **data,
            "num_classes": spec.data.num_classes,
            "class_names": list(spec.data.class_names),
            "columns": [column.name for column in spec.data.columns],
        },
        "train_config": train_config,
        "plan": {**plan, "layers": details["layers"]},
        "history": [
            dict(epoch)
            for epoch in details["history"]
            if last_epoch is None or epoch["epoch"] <= last_epoch
        ],
        "checkpoint": None if checkpoint is None else dict(checkpoint),
    }
