"""A JobClient without a JobManager: remembers every call, answers in the documented shapes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from actors.core.input_form import InputForm
from http_gateway.rows import ReadRows
from tests.support.plans import MEASURED, PLAN

Call = tuple[str, tuple[Any, ...]]

MODEL = {"layer_sizes": [784, 128, 64, 10]}
DATASET = {"name": "MNIST", "batch_size": 256}
SUMMARY = {
    "job_id": "1",
    "status": "created",
    "devices": 0,
    "model_config": MODEL,
    "dataset_config": DATASET,
}
DETAILS = {
    **SUMMARY,
    "model": MODEL,
    "registered_devices": [],
    "layers": {},
    "history": [],
    "num_epochs": 0,
    "failure_policy": {
        "max_failures": 100,
        "min_devices": 1,
        "wait_for_device_s": None,
        "max_lost_steps": None,
    },
    "checkpoints": {"interval_s": 30, "keep_last": 2, "keep_best": 1},
    "spares": [],
    "recovery": None,
}
CHECKPOINTS = [
    {
        "checkpoint_id": "000002",
        "created_at": "2026-01-02T03:04:35+00:00",
        "session": 1,
        "epoch": 2,
        "step": 46,
        "val_loss": 0.25,
        "val_accuracy": 0.9,
        "finished": True,
        "num_bytes": 436_000,
        "versions": {"tandem": "9.8.7", "torch": "4.5.6"},
    },
    {
        "checkpoint_id": "000001",
        "created_at": "2026-01-02T03:04:05+00:00",
        "session": 1,
        "epoch": None,
        "step": 0,
        "val_loss": None,
        "val_accuracy": None,
        "finished": False,
        "num_bytes": 436_000,
        "versions": {"tandem": "9.8.7", "torch": "4.5.6"},
    },
]
EVENTS = [
    {"index": 0, "at": "2026-01-02T03:04:00+00:00", "kind": "created", "text": "Job 1 is created"},
    {
        "index": 1,
        "at": "2026-01-02T03:04:09+00:00",
        "kind": "failure",
        "text": "Device 2 (10.0.0.2:5001) is gone: its node died",
    },
]
STEP_LOSSES = [
    {"epoch": 1, "step": 1, "loss": 2.302585},
    {"epoch": 1, "step": 2, "loss": 2.25},
]
TERAFLOPS = [
    {
        "1": {
            "forward_tflops": 0.0015331204049289227,
            "backward_tflops": 0.00031180179212242365,
            "total_tflops": 0.0018449221970513463,
        },
        "2": {
            "forward_tflops": 0.00015127388178370893,
            "backward_tflops": 4.583333065966144e-06,
            "total_tflops": 0.00015585721484967507,
        },
    }
]
DEVICE = {
    "ip": "192.168.1.6",
    "port": 5001,
    "node_id": "ab12",
    "host_name": "desk",
    "cores": 8,
    "accelerators": [],
    "os": "Linux 6.1 x86_64",
    "memory_bytes": 16 * 2**30,
    "available_memory_bytes": 12 * 2**30,
    "versions": {"python": "3.11.7", "ray": "1.2.3", "torch": "4.5.6", "tandem": None},
    "jobs": ["1"],
    "held_by": None,
    "status": "free",
    "probe_error": None,
}
PREDICTION = {"classes": [1], "probabilities": [[0.25, 0.75]]}
DOCTOR = {
    "ok": False,
    "checked_nodes": 1,
    "training_jobs": [],
    "findings": [
        {
            "level": "error",
            "check": "answers",
            "node": "192.168.1.6:5001",
            "text": "The node 192.168.1.6:5001 (desk) has not answered within 11 s",
            "remedy": "ray stop --force && tandem join 192.168.1.5:6379 --port 5001",
        },
        {"level": "ok", "check": "clock", "node": None, "text": "No clock is off", "remedy": None},
    ],
    "nodes": [
        {
            "node": "192.168.1.5:5001",
            "node_id": "ab12",
            "host_name": "tower",
            "has_job_manager": True,
            "os": "Linux 6.1 x86_64",
            "memory_bytes": 16 * 2**30,
            "available_memory_bytes": 12 * 2**30,
            "versions": {
                "python": "3.11.7",
                "ray": "1.2.3",
                "torch": "4.5.6",
                "tandem": None,
                "numpy": "2.4.6",
            },
            "shared_memory_bytes": 8 * 2**30,
            "disk_bytes": 500 * 2**30,
            "free_disk_bytes": 100 * 2**30,
            "auth_mode": "token",
            "object_store_bytes": 2 * 2**30,
            "temp_dir": "/tmp/ray",
            "clock_ahead_s": 0.001,
            "accelerators": [],
            "error": None,
        },
    ],
    "links": [
        {
            "from": "192.168.1.5:5001",
            "to": "192.168.1.6:5001",
            "round_trip_s": None,
            "bytes_per_s": None,
        }
    ],
}
VERIFIED = {
    "job_id": "1",
    "equal": True,
    "equality_expected": True,
    "steps": 46,
    "largest_loss_difference": 0.0,
    "relative_loss_difference": {"largest": 0.0, "mean": 0.0},
    "first_difference": None,
    "weights": {
        "compared_at_step": 46,
        "equal": True,
        "largest_difference": 0.0,
        "relative_difference": {"largest": 0.0, "mean": 0.0},
        "parameter": None,
        "note": None,
    },
    "reason": [],
    "device": "device 1 (192.168.1.6:5001)",
    "host": {"tandem": "9.8.7", "torch": "4.5.6", "cpu": "Some CPU, AVX2"},
    "seconds": 0.25,
    "message": "The first 46 steps gave the same losses, bit for bit.",
}
LAYER_KINDS = [
    {
        "type": "Dropout",
        "about": "sets values to 0",
        "takes": "float32",
        "ranks": [],
        "has_layers": False,
        "fields": {"p": {"values": "a number from 0 to 1", "required": False, "default": 0.5}},
    }
]
ARCHITECTURES = [
    {
        "architecture": "mlp",
        "about": "linear layers",
        "takes": "float32",
        "ranks": [1, 2],
        "fields": {"hidden": {"values": "a list", "required": True}},
    }
]
SOURCES = [{"name": "iris", "about": "flowers", "fields": {}}]
READY = {"nodes": 2, "ray_version": "1.2.3", "dashboard_url": None}
WEIGHTS = b"\x00weights\xff"


@dataclass
class FakeJobClient:
    """``calls`` has all of them; ``errors`` and ``answers`` say what a method raises or returns."""

    calls: list[Call] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def forget(self) -> None:
        """As new."""
        self.calls.clear()
        self.errors.clear()
        self.answers.clear()

    def create_job(
        self,
        model_config: dict[str, Any],
        dataset_config: dict[str, Any],
        further: dict[str, Any],
    ) -> str:
        answer: str = self._answer("create_job", (model_config, dataset_config, further), "1")
        return answer

    def list_jobs(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_jobs", (), [SUMMARY])
        return answer

    def get_job(
        self, job_id: str, after_epoch: int | None = None, history_limit: int | None = None
    ) -> dict[str, Any]:
        arguments = (job_id, after_epoch, history_limit)
        answer: dict[str, Any] = self._answer("get_job", arguments, DETAILS)
        return answer

    def delete_job(self, job_id: str, force: bool = False) -> None:
        self._answer("delete_job", (job_id, force), None)

    def list_devices(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_devices", (), [DEVICE])
        return answer

    def register_device(self, ip: str, port: int, job_id: str) -> int:
        answer: int = self._answer("register_device", (ip, port, job_id), 1)
        return answer

    def move_device(self, job_id: str, device_id: int, ip: str, port: int) -> int:
        answer: int = self._answer("move_device", (job_id, device_id, ip, port), device_id)
        return answer

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        self._answer("unregister_device", (port, ip, job_id), None)

    def initialize(self, job_id: str, options: dict[str, Any]) -> None:
        self._answer("initialize", (job_id, options), None)

    def plan(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("plan", (job_id, options), PLAN)
        return answer

    def get_plan(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("get_plan", (job_id,), {**PLAN, "measured": MEASURED})
        return answer

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        started = {"epochs": 10, "learning_rate": 0.1} | {
            key: options[key] for key in ("epochs", "learning_rate") if key in options
        }
        answer: dict[str, Any] = self._answer("train", (job_id, options), started)
        return answer

    def stop_job(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("stop_job", (job_id,), {"status": "training"})
        return answer

    def resume_job(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("resume_job", (job_id,), {"status": "training"})
        return answer

    def verify(self, job_id: str, steps: int | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("verify", (job_id, steps), VERIFIED)
        return answer

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_checkpoints", (job_id,), CHECKPOINTS)
        return answer

    def list_events(
        self, job_id: str, after_index: int | None = None, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        arguments = (job_id, after_index, limit)
        answer: list[dict[str, Any]] = self._answer("list_events", arguments, EVENTS)
        return answer

    def list_steps(
        self, job_id: str, after_epoch: int = 0, after_step: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        arguments = (job_id, after_epoch, after_step, limit)
        answer: list[dict[str, Any]] = self._answer("list_steps", arguments, STEP_LOSSES)
        return answer

    def begin_request(self, key: str, fingerprint: str) -> dict[str, Any] | None:
        answer: dict[str, Any] | None = self._answer("begin_request", (key, fingerprint), None)
        return answer

    def finish_request(self, key: str, answer: dict[str, Any]) -> None:
        self._answer("finish_request", (key, answer), None)

    def drop_request(self, key: str) -> None:
        self._answer("drop_request", (key,), None)

    def get_model(self, job_id: str, gone: Callable[[], bool]) -> IO[bytes]:
        answer: bytes = self._answer("get_model", (job_id,), WEIGHTS)
        return io.BytesIO(answer)

    def predict(self, job_id: str, read: ReadRows, gone: Callable[[], bool]) -> dict[str, Any]:
        rows = [] if "predict" in self.errors else read(InputForm((2,), is_pixels=True), 2).rows
        arguments = (job_id, [row.tolist() for row in rows])
        answer: dict[str, Any] = self._answer("predict", arguments, PREDICTION)
        return answer

    def list_layers(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_layers", (), LAYER_KINDS)
        return answer

    def list_architectures(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_architectures", (), ARCHITECTURES)
        return answer

    def list_sources(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._answer("list_sources", (), SOURCES)
        return answer

    def previous_teraflops(self, limit: int | None = None) -> list[dict[str, dict[str, float]]]:
        answer: list[dict[str, dict[str, float]]] = self._answer(
            "previous_teraflops", (limit,), TERAFLOPS
        )
        return answer

    def doctor(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("doctor", (), DOCTOR)
        return answer

    def check_ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer("check_ready", (), READY)
        return answer

    def _answer(self, method: str, arguments: tuple[Any, ...], usual: Any) -> Any:
        self.calls.append((method, arguments))
        if method in self.errors:
            raise self.errors[method]
        return self.answers.get(method, usual)
