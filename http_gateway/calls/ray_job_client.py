"""The ``JobClient`` that calls the JobManager actor; the routes' only way to Ray."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray

from actors.core.errors import TandemError, Unavailable, error_text
from http_gateway.calls import repeats
from http_gateway.calls.cloning import cloned_request
from http_gateway.calls.dataset_uploads import DatasetUploads
from http_gateway.calls.model_download import DESCRIBE_MODEL, ModelDownloads
from http_gateway.calls.ray_evaluations import Evaluations
from http_gateway.calls.ray_predictions import Predictions
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.questions import ReadQuestion
from http_gateway.operations.request_key import current_key
from http_gateway.process.manager_monitor import Ping
from orchestrator.doctor.folders import check_folder
from orchestrator.errors import StorageUnavailable
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.manager.manager_end import RayletLog
from orchestrator.manager.manager_start import (
    LOOK_S,
    OUT_OF_MEMORY_S,
    check_version,
    find_or_create,
    submit,
)
from orchestrator.settings import Settings

REPEAT_S = 0.25
SAVE_CALL_S = 10.0
DESCRIBE = ManagerCall(name="describe", may_repeat=True)
GET_JOB = ManagerCall(name="get_job", may_repeat=True, is_quick=True)
LIST_STRANGERS = ManagerCall(name="list_strangers", may_repeat=True)


class _Restarting(Exception):
    """The JobManager's process ended, and Ray starts it again."""


class _Unanswered(Exception):
    """The call may have been done; says why there is no answer."""


class RayJobClient:
    """Calls the named, detached JobManager, and starts it again if it has died."""

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
        self._lock = threading.Lock()
        self._manager: Any = None
        self._given_up: str | None = None
        self._predictions = Predictions()
        self._evaluations = Evaluations()
        self._downloads = ModelDownloads(self._call, self._refer_model)
        uploads = DatasetUploads(config.uploads, max_upload_bytes, self._call)
        self._raylet_log = RayletLog.here()
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
            client._connect()
        except StorageUnavailable:
            client.shutdown_job_manager()  # or it would take the storage when it can, unasked
            raise
        return client

    def settings_not_in_force(self) -> dict[str, Any]:
        """The JobManager's settings that differ from this gateway's."""
        running: dict[str, Any] = self._call(DESCRIBE)["config"]
        own = asdict(self._config)
        return {name: value for name, value in running.items() if value != own[name]}

    def notes(self) -> list[str]:
        """Sentences about the JobManager's storage, for its owner."""
        notes: list[str] = self._call(DESCRIBE)["notes"]
        return notes

    def list_strangers(self) -> list[str]:
        """Folders with checkpoints of no job in the store."""
        strangers: list[str] = self._call(LIST_STRANGERS)
        return strangers

    def save_for_end(self) -> list[dict[str, Any]]:
        """See the JobManager's; nothing where it was never reached. Raises ``Unavailable``."""
        return [] if self._manager is None else save_for_end(self._manager)

    def shutdown_job_manager(self) -> None:
        """Ends the JobManager and with it every LayerActor."""
        with self._lock:
            if self._manager is not None:
                ray.kill(self._manager, no_restart=True)
                self._manager = None

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """The result of the JobManager's method; see ``JobClient``."""
        special = self._special.get(call.name)
        return self._call(call, arguments) if special is None else special(call, **arguments)

    def _clone_job(self, call: ManagerCall, job_id: str, **changes: Any) -> Any:
        """Two calls: what is asked for has to pass the checks of a job that is created."""
        details = self._call(GET_JOB, {"job_id": job_id, "history_limit": 0})
        return self._call(replace(call, name="create_job"), cloned_request(details, changes))

    def _predict(
        self, call: ManagerCall, job_id: str, read: ReadQuestion, gone: Callable[[], bool]
    ) -> dict[str, Any]:
        """Reads what is asked only once it is known that there is an answer."""
        facts = self._call(DESCRIBE_MODEL, {"job_id": job_id})

        def get_model() -> Any:
            return self._refer_model({"job_id": job_id})

        return self._predictions.predict(facts, get_model, read, gone)

    def _evaluate(
        self, call: ManagerCall, job_id: str, gone: Callable[[], bool], **options: Any
    ) -> dict[str, Any]:
        """Once it is known that there is a model."""
        self._call(DESCRIBE_MODEL, {"job_id": job_id})

        def get_model() -> Any:
            return self._refer_model({"job_id": job_id})

        def get_plan() -> Any:
            return submit(self._connect(), "plan_evaluation", {"job_id": job_id, **options})

        return self._evaluations.evaluate(get_plan, get_model, gone)

    def _refer_model(self, wanted: dict[str, Any]) -> Any:
        return submit(self._connect(), "get_model", wanted)

    def _doctor(self, call: ManagerCall) -> Any:
        return self._call(call, {"storage": check_folder("storage_path", self._storage_path)})

    def _ready(self, call: ManagerCall) -> dict[str, Any]:
        described = self._call(replace(DESCRIBE, timeout_s=call.timeout_s))
        return {
            "ready": True,
            "nodes": described["nodes"],
            "ray_version": ray.__version__,
            "dashboard_url": self._dashboard_url,
        }

    def ping(self, timeout_s: float) -> Ping:
        """Whether the JobManager answers; asks none that is not known, and never raises."""
        manager = self._manager  # not under the lock: another thread may be waiting with it
        if manager is None:
            return Ping.ENDED
        try:
            # It needs nothing but the process: `describe` asks the head as well.
            ray.get(manager.ping.remote(), timeout=timeout_s)
        except ray.exceptions.GetTimeoutError:
            return Ping.SILENT
        except ray.exceptions.RayActorError:
            return Ping.ENDED
        except ray.exceptions.RayError:
            return Ping.ANSWERED
        return Ping.ANSWERED

    def kill_job_manager(self) -> None:
        """Ends the JobManager's process, frozen or not; Ray starts it again within seconds."""
        if (manager := self._manager) is not None:
            ray.kill(manager, no_restart=False)

    def give_up(self, reason: str) -> None:
        """Ray is about to go: calls under way and later ones end as ``Unavailable`` for this
        reason, for whoever asks Ray after its end starts another one."""
        self._given_up = reason

    def _call(self, call: ManagerCall, arguments: dict[str, Any] | None = None) -> Any:
        key = None if call.may_repeat else current_key.get()
        timeout_s = call.longest_s(self._config.actor_start_timeout_s)
        try:
            return self._call_until(time.monotonic() + timeout_s, call, arguments or {}, key)
        except ray.exceptions.GetTimeoutError as error:
            silent = self._raylet_log.why_silent() or repeats.SILENT.format(timeout_s=timeout_s)
            raise Unavailable(repeats.unanswered(silent, call, key is not None)) from error
        except _Restarting as error:
            restarting = self._raylet_log.why_ended() or repeats.RESTARTING.format(
                timeout_s=timeout_s
            )
            raise Unavailable(f"{restarting}. Try again") from error
        except _Unanswered as error:
            why = error_text(error)
            raise Unavailable(repeats.unanswered(why, call, key is not None)) from error

    def _call_until(
        self, deadline: float, call: ManagerCall, arguments: dict[str, Any], key: str | None
    ) -> Any:
        """Raises ``_Restarting`` if nothing was done until then."""
        while True:
            try:
                left_s = max(REPEAT_S, deadline - time.monotonic())
                return self._call_once(call, arguments, key, left_s)
            except _Restarting as error:
                may = repeats.may_repeat(call, error_text(error), key is not None)
                if not may or self._given_up is not None:
                    ended = self._given_up or self._raylet_log.why_ended() or repeats.RESTARTED
                    raise _Unanswered(ended) from error
                now_s = time.monotonic()
                if self._raylet_log.why_ended() is not None:
                    deadline = min(deadline, now_s + OUT_OF_MEMORY_S)
                if now_s + REPEAT_S >= deadline:
                    raise
            time.sleep(REPEAT_S)

    def _wait(self, reference: Any, timeout_s: float) -> Any:
        """Not for long where the JobManager has no memory, and so may not be up for long."""
        left_s, patience_s = timeout_s, OUT_OF_MEMORY_S
        while True:
            slice_s = min(LOOK_S, left_s)
            try:
                return ray.get(reference, timeout=slice_s)
            except ray.exceptions.GetTimeoutError:
                if self._given_up is not None:  # Ray may be left now: to ask again would start one
                    raise _Unanswered(self._given_up) from None
                left_s -= slice_s
                if self._raylet_log.why_ended() is not None:
                    patience_s -= slice_s
                if min(left_s, patience_s) <= 0:
                    raise

    def _call_once(
        self, call: ManagerCall, arguments: dict[str, Any], key: str | None, timeout_s: float
    ) -> Any:
        """Raises ``_Restarting`` with Ray's words while the JobManager is started again."""
        manager = self._connect()
        try:
            asked = submit(manager, call.name, arguments, key=key, is_quick=call.is_quick)
            answer = self._wait(asked, timeout_s)
            self._raylet_log.skip()
            return answer
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TandemError):
                raise error.cause from error
            raise
        except ray.exceptions.GetTimeoutError:
            raise
        except ray.exceptions.ActorUnavailableError as error:
            raise _Restarting(error_text(error)) from error
        except ray.exceptions.ActorDiedError as error:
            self._forget(manager)
            raise _Unanswered(repeats.ENDED) from error
        except ray.exceptions.RayError as error:
            raise _Unanswered(f"The JobManager can't be reached: {error}") from error

    def _connect(self) -> Any:
        if self._given_up is not None:
            raise Unavailable(self._given_up)
        with self._lock:
            if self._manager is None:
                manager = find_or_create(self._config)
                try:
                    check_version(manager, self._raylet_log)
                except StorageUnavailable:
                    self._manager = manager  # it waits for its storage, and says so
                    raise
                self._manager = manager
            return self._manager

    def _forget(self, manager: Any) -> None:
        with self._lock:
            if self._manager is manager:
                self._manager = None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def save_for_end(manager: Any) -> list[dict[str, Any]]:
    """Asks for it once, without repeating; raises ``Unavailable``."""
    try:
        told: list[dict[str, Any]] = ray.get(
            submit(manager, "save_for_end", is_quick=True), timeout=SAVE_CALL_S
        )
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        why = " ".join(str(cause).split())[:200]
        raise Unavailable(f"the JobManager does not answer: {why}") from error
    if not all(isinstance(job, dict) and "is_done" in job for job in told):
        raise Unavailable("the JobManager is of another version, which does not know how")
    return told
