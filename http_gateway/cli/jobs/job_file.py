"""A job in a YAML file: the keys of the REST bodies, checked before anything is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from actors.core.errors import InvalidRequest
from http_gateway.operations.validation_text import shorten, validation_text
from http_gateway.schemas.base import Body
from http_gateway.schemas.job_request import (
    CheckpointPolicyFields,
    DatasetConfig,
    FailurePolicyFields,
    Task,
)
from http_gateway.schemas.model_config import MAX_LAYERS, ModelConfig
from http_gateway.schemas.parameters import Ip
from http_gateway.schemas.planning import Initialize
from http_gateway.schemas.training import Train, TrainConfig
from orchestrator.files.plain_yaml import read_yaml

HOLD = (
    "hold the keys model_config, dataset_config, devices and, if need be, initialize, "
    "task, train_config, train, failure_policy, checkpoints; configs/jobs has examples"
)
EXPONENT = r"([eE][-+]?[0-9]+)?"
NUMBER = re.compile(rf"[0-9]+(\.[0-9]*)?{EXPONENT}")
WITH_COMMA = re.compile(rf"[0-9]+,[0-9]+{EXPONENT}")
GROUPED = re.compile(r"[0-9]+([ ,.'][0-9]{3})*")


@dataclass(frozen=True)
class JobFile:
    """A job file's content, in the form of the gateway's requests; ``devices`` have ``ip`` and
    ``port``."""

    model_config: dict[str, Any]
    dataset_config: dict[str, Any]
    devices: tuple[dict[str, Any], ...]
    initialize: dict[str, Any]
    train: dict[str, Any]
    task: str | dict[str, Any] | None
    train_config: dict[str, Any] | None
    failure_policy: dict[str, Any] | None
    checkpoints: dict[str, Any] | None

    @property
    def model_text(self) -> str:
        """The model in a few words."""
        config = self.model_config
        if (layers := config.get("layers")) is not None:
            return f"{len(layers)} layers"
        return str(config.get("architecture") or config["layer_sizes"])

    @property
    def data_text(self) -> str:
        """The data in a word: its name, or where it lies."""
        config = self.dataset_config
        return str(config.get("name") or config.get("path") or config["format"])

    def with_wire(self, wire: str) -> JobFile:
        """With that precision of messages in all its sessions, and so in its plan."""
        train = {name: value for name, value in self.train.items() if name != "wire"}
        return replace(self, train=train, train_config={**(self.train_config or {}), "wire": wire})


class DeviceAddress(Body):
    """One of ``devices``."""

    ip: Ip
    port: int = Field(ge=1, le=65_535)


class JobDocument(Body):
    """The whole file; each device needs at least one layer, so there can't be more devices than
    layers."""

    network: ModelConfig = Field(alias="model_config")
    dataset: DatasetConfig = Field(alias="dataset_config")
    devices: list[DeviceAddress] = Field(min_length=1, max_length=MAX_LAYERS)
    initialize: Initialize | None = None
    train: Train | None = None
    task: Task = None
    train_config: TrainConfig | None = None
    failure_policy: FailurePolicyFields | None = None
    checkpoints: CheckpointPolicyFields | None = None


def load_job_file(path: Path) -> JobFile:
    """Raises ``InvalidRequest`` naming the file, the line, the key and what is allowed there."""
    file = read_yaml(path, "The job file")
    content = file.content
    if not isinstance(content, dict):
        raise InvalidRequest(f"The job file {path} {_found(content)}, but must {HOLD}")
    if not JobDocument.model_json_schema()["properties"].keys() & content.keys():
        raise InvalidRequest(f"The job file {path} is none: it must {HOLD}")
    try:
        JobDocument.model_validate(content)
    except ValidationError as error:
        text = validation_text(error, JobDocument, whole="it", line_of=file.line, meant=_meant)
        raise InvalidRequest(f"The job file {path} can't be used: {text}") from error
    return JobFile(
        content["model_config"],
        content["dataset_config"],
        tuple(content["devices"]),
        content.get("initialize") or {},
        content.get("train") or {},
        content.get("task"),
        content.get("train_config"),
        content.get("failure_policy"),
        content.get("checkpoints"),
    )


def _found(content: Any) -> str:
    if content is None:
        return "is empty"
    return "holds a list" if isinstance(content, list) else "holds one value"


def _meant(value: Any, node: dict[str, Any]) -> str | None:
    """What a person meant by a text such as 0,5 or 1 000 or "3"; None if that is not clear."""
    if not isinstance(value, str):
        return None
    kind = node.get("type")
    if kind == "integer" and GROUPED.fullmatch(value):
        return str(int(re.sub("[^0-9]", "", value)))
    if kind == "number" and WITH_COMMA.fullmatch(value):
        return f"{value.replace(',', '.')}, with a point"
    if kind == "number" and NUMBER.fullmatch(value):
        return f"{value}, without quotes"
    if value.partition(":")[0] in node.get("properties", {}):
        return f'"{shorten(value).replace(":", ": ", 1)}", with a space after the colon'
    return None
