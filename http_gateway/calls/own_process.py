"""A process of the gateway's own, beside it: an actor that ends with its caller, or in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import TandemError, Unavailable
from http_gateway.calls.turns import GONE_TEXT, LOOK_S
from orchestrator.identity import draw_identity

START_S = 60.0


class OwnProcess:
    """An actor on the gateway's node, from the first call until ``end``. ``does`` is what it is
    there for, in texts: "predicts"."""

    def __init__(self, actor_class: type, name: str, does: str, remedy: str) -> None:
        self._class = actor_class
        self._name = name
        self._does = does
        self._remedy = remedy
        self._actor: Any = None

    @property
    def runs(self) -> bool:
        """It was started, and not ended since."""
        return self._actor is not None

    def actor(self) -> Any:
        """Its handle; starts it if need be."""
        if self._actor is None:
            node_id = ray.get_runtime_context().get_node_id()
            actor_class: Any = ray.remote(self._class)
            self._actor = actor_class.options(
                name=draw_identity(self._name),
                num_cpus=0,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
            ).remote()
        return self._actor

    def result(self, reference: Any, deadline: float, gone: Callable[[], bool]) -> Any:
        """Of a call. Ends the process and raises ``Unavailable`` after the ``deadline`` of the
        monotonic clock, or when nobody waits any more; raises what the call raised on purpose."""
        while not ray.wait([reference], timeout=LOOK_S)[0]:
            late = time.monotonic() > deadline
            if late or gone():
                self.end()
                raise Unavailable(
                    f"The process that {self._does} took too long and was ended: {self._remedy}"
                    if late
                    else GONE_TEXT
                )
        try:
            return ray.get(reference, timeout=START_S)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TandemError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            self.end()
            raise Unavailable(
                f"The process that {self._does} has ended, or could not be started ({error}). If "
                f"that was for lack of memory, free some on the gateway's host, or {self._remedy}"
            ) from error

    def end(self) -> None:
        """Kills it, if it runs."""
        actor, self._actor = self._actor, None
        if actor is not None and ray.is_initialized():
            ray.kill(actor, no_restart=True)
