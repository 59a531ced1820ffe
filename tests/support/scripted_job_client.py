"""A fake whose job goes on at every look, so that what watches it sees it train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from http_gateway.operations.operation import ManagerCall
from orchestrator.errors import JobNotFound
from tests.support.fake_job_client import DETAILS, FakeJobClient
from tests.support.logs import part_of

EPOCHS, STEPS = 3, 4
STATS = {
    "forward_tflops": 0.0015,
    "backward_tflops": 0.0003,
    "total_tflops": 0.0018,
    "computing_s": 1.5,
    "waiting_s": 0.25,
    "updating_s": 0.25,
    "wire_s": 0.25,
    "loading_s": 0.25,
    "bubble": 0.2,
    "peak_share": 0.5,
    "bytes_sent": 1_000_000,
    "bytes_received": 2_000_000,
    "memory_bytes": 300_000_000,
    "power_w": None,
    "max_activations_held": 2,
}

LAST_SEQ = 20_000_000_000
NEWS: dict[str, Any] = {
    "at": None,
    "kind": "status",
    "epoch": None,
    "step": None,
    "text": None,
    "values": {"status": "training"},
}


@dataclass
class ScriptedJobClient(FakeJobClient):
    """Each ``get_job`` answers with the next of ``script``, the last one for ever; who listens is
    told all the time that something has happened.

    ``hooks`` are called in the server's thread when a method is.
    """

    script: list[dict[str, Any]] = field(default_factory=lambda: [DETAILS])
    deleted: set[str] = field(default_factory=set)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def forget(self) -> None:
        """Resets it."""
        super().forget()
        self.script = [DETAILS]
        self.deleted.clear()
        self.hooks.clear()

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """A command's first look, ``ready``, is none of its calls."""
        self.hooks.get(call.name, lambda: None)()
        if call.name == "read_log":
            return self._news(**arguments)
        try:
            return super().call(call, arguments)
        finally:
            if call.name == "ready":
                self.calls.pop()

    def usual(self, call: ManagerCall) -> Any:
        return self._look if call.name == "get_job" else super().usual(call)

    def _look(self, job_id: str, after_epoch: int | None, history_limit: int) -> Any:
        job = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        history = part_of(job["history"], after_epoch, history_limit)
        return {**job, "job_id": job_id, "history": history, "num_epochs": len(job["history"])}

    def _news(
        self, after: int | None, limit: int, job_id: str | None, watched: list[str], **_: Any
    ) -> dict[str, Any]:
        """One entry that comes next."""
        if job_id in self.deleted:
            raise JobNotFound("Job not found")
        seq = LAST_SEQ if after is None else after + 1
        of = job_id or next(iter(watched), "7")
        told = [{**NEWS, "seq": seq, "job_id": of}][:limit]
        return {"events": told, "next_after": seq, "gone": [*self.deleted.intersection(watched)]}

    def asked(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The calls so far, without reads and without requests' keys."""
        others = ("get_job", "begin_request", "finish_request", "drop_request")
        return [call for call in self.calls if call[0] not in others]

    def names(self) -> list[str]:
        """Their methods."""
        return [name for name, _ in self.asked()]


def job_at(epochs_done: int, step: int = 0, status: str = "training", **more: Any) -> Any:
    """The details of a job on two devices after this many epochs, and steps of the next."""
    begun = epochs_done + 1 if step else epochs_done
    return {
        **DETAILS,
        "status": status,
        "devices": 2,
        "registered_devices": [
            {"device_id": 1, "ip": "10.0.0.1", "port": 5001},
            {"device_id": 2, "ip": "10.0.0.2", "port": 5001},
        ],
        "layers": {"1": [0, 2], "2": [2, 3]},
        "history": [epoch_record(n) for n in range(1, epochs_done + 1)],
        "progress": {
            "epoch": begun,
            "epochs": EPOCHS,
            "step": step or (STEPS if epochs_done else 0),
            "steps": STEPS if begun else None,
            "loss": 0.5 if begun else None,
            "samples_per_s": 1234.5,
        },
        "device_stats": {"1": STATS, "2": STATS} if begun else {},
        **more,
    }


def epoch_record(epoch: int) -> dict[str, Any]:
    """A finished epoch of the history."""
    return {
        "epoch": epoch,
        "session": 1,
        "train_loss": 1 / epoch,
        "val_loss": 1.5 / epoch,
        "val_accuracy": 1 - 0.1 / epoch,
        "samples_per_s": 1000.0,
    }


def whole_session() -> list[dict[str, Any]]:
    """A session from its first look to its end; one look finds nothing new."""
    looks = [job_at(0), job_at(0, 2), job_at(0, 2), job_at(1, 1), job_at(2, 3)]
    return [*looks, job_at(3, status="completed")]
