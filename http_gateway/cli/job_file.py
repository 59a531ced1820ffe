"""A job in a YAML file: the keys of the REST bodies, checked before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError
from yaml.constructor import ConstructorError

from actors.core.errors import InvalidRequest
from http_gateway import schemas, schemas_planning
from http_gateway.validation_text import validation_text

MERGE_TAG = "tag:yaml.org,2002:merge"
TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class JobFile:
    """What to ask the gateway for, as it is written; ``devices`` have ``ip`` and ``port``."""

    model_config: dict[str, Any]
    dataset_config: dict[str, Any]
    devices: tuple[dict[str, Any], ...]
    initialize: dict[str, Any]
    train: dict[str, Any]
    failure_policy: dict[str, Any] | None
    checkpoints: dict[str, Any] | None


class Device(schemas.Body):
    """One of ``devices``."""

    ip: schemas.Ip
    port: int = Field(ge=1, le=65_535)


class JobDocument(schemas.Body):
    """The whole file; a device can't have less than a layer, so there are no more than layers."""

    network: schemas.ModelConfig = Field(alias="model_config")
    dataset: schemas.DatasetConfig = Field(alias="dataset_config")
    devices: list[Device] = Field(min_length=1, max_length=schemas.MAX_LAYERS)
    initialize: schemas_planning.Initialize | None = None
    train: schemas.Train | None = None
    failure_policy: schemas.FailurePolicy | None = None
    checkpoints: schemas.CheckpointPolicy | None = None


def load_job_file(path: Path) -> JobFile:
    """Raises ``InvalidRequest`` naming the file, the key and what is allowed there."""
    content = _read(path)
    if not isinstance(content, dict):
        raise InvalidRequest(
            f"The job file {path} must hold the keys model_config, dataset_config, devices and, if "
            "need be, initialize, train, failure_policy, checkpoints; configs/jobs has examples"
        )
    try:
        JobDocument.model_validate(content)
    except ValidationError as error:
        text = validation_text(error, JobDocument, whole="it")
        raise InvalidRequest(f"The job file {path} can't be used: {text}") from error
    return JobFile(
        content["model_config"],
        content["dataset_config"],
        tuple(content["devices"]),
        content.get("initialize") or {},
        content.get("train") or {},
        content.get("failure_policy"),
        content.get("checkpoints"),
    )


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return yaml.load(file, _Loader)
    except OSError as error:
        raise InvalidRequest(f"The job file {path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        cause = " ".join(str(error).split())
        raise InvalidRequest(f"The job file {path} can't be read: {cause}") from error


class _Loader(yaml.SafeLoader):
    """YAML that JSON could say as well: every key a text, and there once; 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == MERGE_TAG:
                continue
            if key.tag != TEXT_TAG:
                raise ConstructorError(None, None, "there is a key that is no text", key.start_mark)
            if key.value in seen:
                problem = f'the key "{key.value}" is there twice'
                raise ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 wants a point in a number with an exponent, people do not.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), "-+0123456789"
)
