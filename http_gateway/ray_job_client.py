"""The ``JobClient`` that calls the JobManager actor; the routes' only way to Ray."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import ray

from actors.core.errors import TandemError, Unavailable, error_text
from http_gateway import repeats
from http_gateway.model_download import spool
from http_gateway.ray_predictions import Predictions, transfer_s
from http_gateway.repeats import REPEATABLE, may_repeat
from http_gateway.request_key import current_key
from http_gateway.rows import ReadRows
from http_gateway.turns import Turns
from http_gateway.watch import Ping
from orchestrator.doctor.folders import check_folder
from orchestrator.errors import StorageUnavailable
from orchestrator.manager_config import ManagerConfig
from orchestrator.manager_end import RayletLog
from orchestrator.manager_start import (
    LOOK_S,
    OUT_OF_MEMORY_S,
    check_version,
    find_or_create,
    submit,
)
from orchestrator.settings import Settings

CALL_TIMEOUT_S = 30.0
REPEAT_S = 0.25
SAVE_CALL_S = 10.0
LOADING_TIMEOUT_S = 900.0  # longer than the JobManager itself waits for the data
DRAIN_TIMEOUT_S = 600.0  # layers and optimiser state move to other devices


class _Restarting(Exception):
    """The JobManager's process ended, and Ray starts it again."""


class _Unanswered(Exception):
    """The call may have been done; says why there is no answer."""


class RayJobClient:
    """Calls the named, detached JobManager; starts it anew should it have died."""

    def __init__(
        self, config: ManagerConfig, storage_path: Path, dashboard_url: str | None = None
    ) -> None:
        self._config = config
        self._storage_path = storage_path
        self._dashboard_url = dashboard_url
        self._lock = threading.Lock()
        self._manager: Any = None
        self._given_up: str | None = None
        self._predictions = Predictions()
        self._downloads = Turns("Models are read")
        self._raylet_log = RayletLog.here()

    @classmethod
    def start(cls, settings: Settings, dashboard_url: str | None = None) -> RayJobClient:
        """Finds or creates the JobManager; Ray must be connected.

        Raises ``VersionMismatch`` when another version runs, ``StorageUnavailable`` when it can't
        use the storage path, ``Unavailable`` when none answers.
        """
        config = ManagerConfig(
            data_dir=str(settings.data_dir),
            allowed_dirs=tuple(map(str, settings.allowed_dirs)),
            storage_path=str(settings.storage_path),
            channel=settings.channel,
            actor_start_timeout_s=settings.actor_start_timeout_s,
            channel_timeout_s=settings.channel_timeout_s,
            heartbeat_timeout_s=settings.heartbeat_timeout_s,
        )
        client = cls(config, settings.storage_path, dashboard_url)
        try:
            client._connect()
        except StorageUnavailable:
            client.shutdown_job_manager()  # or it would take the storage when it can, unasked
            raise
        return client

    def settings_not_in_force(self) -> dict[str, Any]:
        """Where the JobManager was started with other settings than this gateway's: its values."""
        running: dict[str, Any] = self._call("describe")["config"]
        own = asdict(self._config)
        return {name: value for name, value in running.items() if value != own[name]}

    def notes(self) -> list[str]:
        """What the JobManager's owner should know of its storage, a sentence each."""
        notes: list[str] = self._call("describe")["notes"]
        return notes

    def list_strangers(self) -> list[str]:
        """Folders with checkpoints of no job in the store."""
        strangers: list[str] = self._call("list_strangers")
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

    def create_job(
        self,
        model_config: dict[str, Any],
        dataset_config: dict[str, Any],
        further: dict[str, Any],
    ) -> str:
        job_id: str = self._call("create_job", model_config, dataset_config, further)
        return job_id

    def list_jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self._call("list_jobs")
        return jobs

    def get_job(
        self, job_id: str, after_epoch: int | None = None, history_limit: int | None = None
    ) -> dict[str, Any]:
        job: dict[str, Any] = self._call("get_job", job_id, after_epoch, history_limit)
        return job

    def delete_job(self, job_id: str, force: bool = False) -> None:
        self._call("delete_job", job_id, force)

    def list_devices(self) -> list[dict[str, Any]]:
        devices: list[dict[str, Any]] = self._call("list_devices")
        return devices

    def register_device(self, ip: str, port: int, job_id: str) -> int:
        device_id: int = self._call("register_device", ip, port, job_id)
        return device_id

    def move_device(self, job_id: str, device_id: int, ip: str, port: int) -> int:
        moved_id: int = self._call("move_device", job_id, device_id, ip, port)
        return moved_id

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        self._call("unregister_device", port, ip, job_id, timeout_s=DRAIN_TIMEOUT_S)

    def initialize(self, job_id: str, options: dict[str, Any]) -> None:
        self._call("initialize", job_id, options, timeout_s=self._loading_timeout_s)

    def plan(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        timeout_s = CALL_TIMEOUT_S + 2 * self._config.actor_start_timeout_s
        plan: dict[str, Any] = self._call("plan", job_id, options, timeout_s=timeout_s)
        return plan

    def get_plan(self, job_id: str) -> dict[str, Any]:
        plan: dict[str, Any] = self._call("get_plan", job_id)
        return plan

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        started: dict[str, Any] = self._call(
            "train", job_id, options, timeout_s=self._loading_timeout_s
        )
        return started

    def stop_job(self, job_id: str) -> dict[str, Any]:
        stopping: dict[str, Any] = self._call("stop_job", job_id)
        return stopping

    def resume_job(self, job_id: str) -> dict[str, Any]:
        resumed: dict[str, Any] = self._call(
            "resume_job", job_id, timeout_s=self._loading_timeout_s
        )
        return resumed

    def verify(self, job_id: str, steps: int | None) -> dict[str, Any]:
        verified: dict[str, Any] = self._call(
            "verify", job_id, steps, timeout_s=self._loading_timeout_s
        )
        return verified

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        checkpoints: list[dict[str, Any]] = self._call("list_checkpoints", job_id)
        return checkpoints

    def list_events(
        self, job_id: str, after_index: int | None = None, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._call("list_events", job_id, after_index, limit)
        return events

    def list_steps(
        self, job_id: str, after_epoch: int = 0, after_step: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        after = (after_epoch, after_step)
        steps: list[dict[str, Any]] = self._call("list_steps", job_id, *after, limit)
        return steps

    def begin_request(self, key: str, fingerprint: str) -> dict[str, Any] | None:
        stored: dict[str, Any] | None = self._call("begin_request", key, fingerprint)
        return stored

    def finish_request(self, key: str, answer: dict[str, Any]) -> None:
        self._call("finish_request", key, answer)

    def drop_request(self, key: str) -> None:
        self._call("drop_request", key)

    def get_model(self, job_id: str, gone: Callable[[], bool]) -> IO[bytes]:
        facts = self._call("describe_model", job_id)
        with self._downloads.turn(gone):
            timeout_s = CALL_TIMEOUT_S + transfer_s(facts)
            return spool(self._call("get_model", job_id, timeout_s=timeout_s))

    def predict(self, job_id: str, read: ReadRows, gone: Callable[[], bool]) -> dict[str, Any]:
        facts = self._call("describe_model", job_id)

        def get_model() -> Any:
            return submit(self._connect(), "get_model", job_id)

        return self._predictions.predict(facts, get_model, read, gone)

    def list_layers(self) -> list[dict[str, Any]]:
        kinds: list[dict[str, Any]] = self._call("list_layers")
        return kinds

    def list_architectures(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self._call("list_architectures")
        return known

    def list_sources(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self._call("list_sources")
        return known

    def previous_teraflops(self, limit: int | None = None) -> list[dict[str, dict[str, float]]]:
        entries: list[dict[str, dict[str, float]]] = self._call("previous_teraflops", limit)
        return entries

    def doctor(self) -> dict[str, Any]:
        storage = check_folder("storage_path", self._storage_path)
        checked: dict[str, Any] = self._call("doctor", storage)
        return checked

    def check_ready(self) -> dict[str, Any]:
        described = self._call("describe", timeout_s=5.0)
        return {
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
        """Repeats no call any more: they end as ``Unavailable`` for this reason."""
        self._given_up = reason

    def _call(self, method: str, *args: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        key = None if method in REPEATABLE else current_key.get()
        try:
            return self._call_until(time.monotonic() + timeout_s, method, *args, key=key)
        except ray.exceptions.GetTimeoutError as error:
            silent = self._raylet_log.why_silent() or repeats.SILENT.format(timeout_s=timeout_s)
            raise Unavailable(repeats.unanswered(silent, method, key is not None)) from error
        except _Restarting as error:
            restarting = self._raylet_log.why_ended() or repeats.RESTARTING.format(
                timeout_s=timeout_s
            )
            raise Unavailable(f"{restarting}. Try again") from error
        except _Unanswered as error:
            raise Unavailable(
                repeats.unanswered(error_text(error), method, key is not None)
            ) from error

    def _call_until(self, deadline: float, method: str, *args: Any, key: str | None) -> Any:
        """Raises ``_Restarting`` if nothing was done until then."""
        while True:
            try:
                left_s = max(REPEAT_S, deadline - time.monotonic())
                return self._call_once(method, *args, key=key, timeout_s=left_s)
            except _Restarting as error:
                may = may_repeat(method, error_text(error), key is not None)
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
                left_s -= slice_s
                if self._raylet_log.why_ended() is not None:
                    patience_s -= slice_s
                if min(left_s, patience_s) <= 0:
                    raise

    def _call_once(self, method: str, *args: Any, key: str | None, timeout_s: float) -> Any:
        """Raises ``_Restarting`` with Ray's words while the JobManager is started again."""
        manager = self._connect()
        try:
            answer = self._wait(submit(manager, method, *args, key=key), timeout_s)
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

    @property
    def _loading_timeout_s(self) -> float:
        return LOADING_TIMEOUT_S + self._config.actor_start_timeout_s

    def _connect(self) -> Any:
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


def save_for_end(manager: Any) -> list[dict[str, Any]]:
    """Asks for it once, and repeats nothing; raises ``Unavailable``."""
    try:
        told: list[dict[str, Any]] = ray.get(submit(manager, "save_for_end"), timeout=SAVE_CALL_S)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        why = " ".join(str(cause).split())[:200]
        raise Unavailable(f"the JobManager does not answer: {why}") from error
    if not all(isinstance(job, dict) and "is_done" in job for job in told):
        raise Unavailable("the JobManager is of another version, which does not know how")
    return told
