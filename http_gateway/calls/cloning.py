"""The request that makes a job like another one but for some fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from actors.core.errors import InvalidRequest
from http_gateway.operations.validation_text import validation_text
from http_gateway.schemas.job_request import CreateJob

ALTERNATIVES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "model_config": (("layer_sizes",), ("layers",), ("architecture", "config")),
    "dataset_config": (("name",), ("format", "path")),
}
"""Fields that stand for each other: one that is given takes the place of the others."""
OTHER_DATA = ("name", "format", "target", "target_type")
"""Fields that decide what the data is for."""
POLICIES = ("failure_policy", "checkpoints")
"""In them null has a meaning."""
SECTIONS = (*ALTERNATIVES, "train_config", *POLICIES)


def cloned_request(details: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A body of POST /api/jobs, checked. ``details`` is the other job as the API shows it,
    ``changes`` a body of POST /api/jobs/<job_id>/clone. It trains as the other job's last session
    did. Raises ``InvalidRequest``."""
    known = json.loads(json.dumps({**details, "train_config": _trained_by(details)}))
    if details.get("status") != "broken":  # else nobody knows what it began with
        _begin_alike(known["model_config"], details["job_id"])
    body: dict[str, Any] = {}
    for name in SECTIONS:
        changed = _changed(name, known.get(name) or {}, changes.get(name) or {})
        if changed or name in ALTERNATIVES:  # which every job has
            body[name] = changed
    if (task := _task(known, changes)) is not None:
        body["task"] = task
    if changes.get("weights"):
        _begin_trained(body["model_config"], details["job_id"], changes)
    try:
        CreateJob.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(validation_text(error, CreateJob)) from error
    return body


def _begin_alike(model: dict[str, Any], job_id: str) -> None:
    """Given weights are those that the other job began with, whatever has become of the file or the
    job that they came from."""
    if (given := model.get("initial_weights")) is not None:
        new = {"new": given["new"]} if given.get("new") else {}
        model["initial_weights"] = {"job": job_id, "checkpoint": "initial", **new}


def _begin_trained(model: dict[str, Any], job_id: str, changes: Mapping[str, Any]) -> None:
    if (changes.get("model_config") or {}).get("initial_weights") is not None:
        raise InvalidRequest(
            "weights is true beside model_config.initial_weights: give only one of them"
        )
    model["initial_weights"] = {"job": job_id}


def _trained_by(details: Mapping[str, Any]) -> Any:
    plan = details.get("plan") or {}
    return plan.get("train_config", details.get("train_config"))


def _changed(section: str, known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(known)
    ways = ALTERNATIVES.get(section, ())
    given = [way for way in ways if any(changes.get(name) is not None for name in way)]
    if given:
        for name in {name for way in ways if way not in given for name in way}:
            kept.pop(name, None)
    if changes.get("architecture") not in (None, kept.get("architecture")):
        kept.pop("config", None)  # it is the other architecture's
    if section == "train_config":
        _settle_momentum(kept, changes)
    merged = {**kept, **changes}
    if section in POLICIES:
        return merged
    return {name: value for name, value in merged.items() if value is not None}


def _settle_momentum(kept: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """It is short for an argument of the optimiser: what is given counts alone."""
    if changes.get("optimizer") is not None:
        kept.pop("momentum", None)
    optimizer = kept.get("optimizer")
    if changes.get("momentum") is not None and isinstance(optimizer, dict):
        kept["optimizer"] = {n: v for n, v in optimizer.items() if n != "momentum"}


def _task(known: Mapping[str, Any], changes: Mapping[str, Any]) -> Any:
    """The other job's, unless the data is another: then what that is clearly for."""
    if changes.get("task") is not None:
        return changes["task"]
    data = changes.get("dataset_config") or {}
    return None if any(name in data for name in OTHER_DATA) else known.get("task")
