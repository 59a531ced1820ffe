"""The gateway's connection to the JobManager's actor: finds or creates it, calls it, and repeats
what Ray did not deliver."""

from __future__ import annotations

import threading
import time
from typing import Any

import ray

from actors.core.errors import TandemError, Unavailable, error_text
from http_gateway.calls import repeats
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.request_key import current_key
from http_gateway.process.manager_monitor import Ping
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

REPEAT_S = 0.25
SAVE_CALL_S = 10.0


class _Restarting(Exception):
    """The JobManager's process ended, and Ray starts it again."""


class _Unanswered(Exception):
    """The call may have been done; says why there is no answer."""


class ManagerConnection:
    """Calls the named, detached JobManager, and starts it again if it has died."""

    def __init__(self, config: ManagerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._manager: Any = None
        self._given_up: str | None = None
        self._raylet_log = RayletLog.here()

    def connect(self) -> Any:
        """The actor, found or created. Raises ``VersionMismatch``, ``StorageUnavailable``,
        ``Unavailable``."""
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

    def call(self, call: ManagerCall, arguments: dict[str, Any] | None = None) -> Any:
        """The result of the JobManager's method of that name. Raises what the method raised on
        purpose, and ``Unavailable`` if there was no answer within the call's timeout."""
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

    def refer(self, method: str, arguments: dict[str, Any]) -> Any:
        """A reference to what the JobManager's method will return."""
        return submit(self.connect(), method, arguments)

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

    def kill(self) -> None:
        """Ends the JobManager's process, frozen or not; Ray starts it again within seconds."""
        if (manager := self._manager) is not None:
            ray.kill(manager, no_restart=False)

    def give_up(self, reason: str) -> None:
        """Ray is about to go: calls under way and later ones end as ``Unavailable`` for this
        reason, for whoever asks Ray after its end starts another one."""
        self._given_up = reason

    def save_for_end(self) -> list[dict[str, Any]]:
        """See the JobManager's; nothing where it was never reached. Raises ``Unavailable``."""
        return [] if self._manager is None else save_for_end(self._manager)

    def end(self) -> None:
        """Ends the JobManager and with it every LayerActor."""
        with self._lock:
            if self._manager is not None:
                ray.kill(self._manager, no_restart=True)
                self._manager = None

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

    def _call_once(
        self, call: ManagerCall, arguments: dict[str, Any], key: str | None, timeout_s: float
    ) -> Any:
        """Raises ``_Restarting`` with Ray's words while the JobManager is started again."""
        manager = self.connect()
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

    def _forget(self, manager: Any) -> None:
        with self._lock:
            if self._manager is manager:
                self._manager = None


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
