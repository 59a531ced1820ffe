"""The ``JobClient`` that calls the JobManager actor; the routes' only way to Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray

from http_gateway.calls.cloning import cloned_request
from http_gateway.calls.dataset_uploads import DatasetUploads
from http_gateway.calls.manager_connection import ManagerConnection
from http_gateway.calls.model_download import DESCRIBE_MODEL, ModelDownloads
from http_gateway.calls.ray_evaluations import Evaluations
from http_gateway.calls.ray_predictions import Predictions
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.questions import ReadQuestion
from orchestrator.doctor.folders import check_folder
from orchestrator.errors import StorageUnavailable
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.settings import Settings

DESCRIBE = ManagerCall(name="describe", may_repeat=True)
GET_JOB = ManagerCall(name="get_job", may_repeat=True, is_quick=True)
LIST_STRANGERS = ManagerCall(name="list_strangers", may_repeat=True)


class RayJobClient:
    """Most calls are the JobManager's method of the same name. Some need this process as well: its
    folders, or processes of its own."""

    def __init__(
        self,
        config: ManagerConfig,
        storage_path: Path,
        max_upload_bytes: int,
        dashboard_url: str | None = None,
    ) -> None:
        self._config = config
        self._storage_path = storage_path
        self._dashboard_url = dashboard_url
        self.manager = ManagerConnection(config)
        self._predictions = Predictions()
        self._evaluations = Evaluations()
        self._downloads = ModelDownloads(self.manager.call, self._refer_model)
        uploads = DatasetUploads(config.uploads, max_upload_bytes, self.manager.call)
        self._special: dict[str, Callable[..., Any]] = {
            "clone_job": self._clone_job,
            "doctor": self._doctor,
            "evaluate": self._evaluate,
            "get_model": self._downloads.file,
            "predict": self._predict,
            "ready": self._ready,
            "upload_dataset": uploads.upload,
        }

    @classmethod
    def start(cls, settings: Settings, dashboard_url: str | None = None) -> RayJobClient:
        """Finds or creates the JobManager; Ray must be connected.

        Raises ``VersionMismatch`` when another version runs, ``StorageUnavailable`` when it can't
        use the storage path, ``Unavailable`` when none answers.
        """
        config = ManagerConfig(
            data_dir=str(settings.data_dir),
            data_roots=tuple(map(str, settings.data_roots)),
            data_memory_bytes=settings.data_memory_bytes,
            storage_path=str(settings.storage_path),
            channel=settings.channel,
            actor_start_timeout_s=settings.actor_start_timeout_s,
            channel_timeout_s=settings.channel_timeout_s,
            heartbeat_timeout_s=settings.heartbeat_timeout_s,
            webhook_url=settings.webhook_url,
            webhook_secret_file=_text(settings.webhook_secret_file),
            tensorboard_dir=_text(settings.tensorboard_dir),
            mlflow_uri=settings.mlflow_uri,
        )
        client = cls(config, settings.storage_path, settings.max_upload_bytes, dashboard_url)
        try:
            client.manager.connect()
        except StorageUnavailable:
            client.manager.end()  # or it would take the storage when it can, unasked
            raise
        return client

    def settings_not_in_force(self) -> dict[str, Any]:
        """The JobManager's settings that differ from this gateway's."""
        running: dict[str, Any] = self.manager.call(DESCRIBE)["config"]
        own = asdict(self._config)
        return {name: value for name, value in running.items() if value != own[name]}

    def notes(self) -> list[str]:
        """Sentences about the JobManager's storage, for its owner."""
        notes: list[str] = self.manager.call(DESCRIBE)["notes"]
        return notes

    def list_strangers(self) -> list[str]:
        """Folders with checkpoints of no job in the store."""
        strangers: list[str] = self.manager.call(LIST_STRANGERS)
        return strangers

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """The result of the JobManager's method; see ``JobClient``."""
        special = self._special.get(call.name)
        return self.manager.call(call, arguments) if special is None else special(call, **arguments)

    def _clone_job(self, call: ManagerCall, job_id: str, **changes: Any) -> Any:
        """Two calls: what is asked for has to pass the checks of a job that is created."""
        details = self.manager.call(GET_JOB, {"job_id": job_id, "history_limit": 0})
        return self.manager.call(replace(call, name="create_job"), cloned_request(details, changes))

    def _predict(
        self, call: ManagerCall, job_id: str, read: ReadQuestion, gone: Callable[[], bool]
    ) -> dict[str, Any]:
        """Reads what is asked only once it is known that there is an answer."""
        facts = self.manager.call(DESCRIBE_MODEL, {"job_id": job_id})

        def get_model() -> Any:
            return self._refer_model({"job_id": job_id})

        return self._predictions.predict(facts, get_model, read, gone)

    def _evaluate(
        self, call: ManagerCall, job_id: str, gone: Callable[[], bool], **options: Any
    ) -> dict[str, Any]:
        """Once it is known that there is a model."""
        self.manager.call(DESCRIBE_MODEL, {"job_id": job_id})

        def get_model() -> Any:
            return self._refer_model({"job_id": job_id})

        def get_plan() -> Any:
            return self.manager.refer("plan_evaluation", {"job_id": job_id, **options})

        return self._evaluations.evaluate(get_plan, get_model, gone)

    def _refer_model(self, wanted: dict[str, Any]) -> Any:
        return self.manager.refer("get_model", wanted)

    def _doctor(self, call: ManagerCall) -> Any:
        storage = check_folder("storage_path", self._storage_path)
        return self.manager.call(call, {"storage": storage})

    def _ready(self, call: ManagerCall) -> dict[str, Any]:
        described = self.manager.call(replace(DESCRIBE, timeout_s=call.timeout_s))
        return {
            "ready": True,
            "nodes": described["nodes"],
            "ray_version": ray.__version__,
            "dashboard_url": self._dashboard_url,
        }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
