"""A JobClient without a JobManager: remembers every call, answers in the documented shapes."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from actors.core.input_form import InputForm
from http_gateway.operations.operation import ManagerCall, Operation, Schema
from http_gateway.operations.rows import Rows
from tests.support.plans import MEASURED, PLAN

Call = tuple[str, tuple[Any, ...]]

PIXELS = InputForm((2,), is_pixels=True)

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
    "task": {"type": "classification"},
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
EVENTS: list[dict[str, Any]] = [
    {
        "seq": 10_000_000_001,
        "job_id": "1",
        "at": "2026-01-02T03:04:00.000+00:00",
        "kind": "initialized",
        "epoch": None,
        "step": None,
        "text": "Job 1 is initialized",
        "values": {},
    },
    {
        "seq": 10_000_000_009,
        "job_id": "1",
        "at": "2026-01-02T03:04:09.000+00:00",
        "kind": "lost",
        "epoch": None,
        "step": None,
        "text": "Device 2 (10.0.0.2:5001) is gone: its node died",
        "values": {},
    },
]
EVENT_PAGE: dict[str, Any] = {"events": EVENTS, "next_after": 10_000_000_017}
CURVES: dict[str, Any] = {
    "series": [
        {
            "name": "loss",
            "steps": [1, 2, 3],
            "at": [None, 1767323042.5, 1767323043.0],
            "values": [2.5, None, 2.25],
        }
    ],
    "last_seq": 10_000_000_017,
}
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
SOURCES = [{"name": "iris", "asked_by": "name", "about": "flowers", "fields": {}}]
READY = {"nodes": 2, "ray_version": "1.2.3", "dashboard_url": None}
WEIGHTS = b"\x00weights\xff"


USUAL: dict[str, Any] = {
    "create_job": "1",
    "list_jobs": [SUMMARY],
    "get_job": DETAILS,
    "delete_job": None,
    "list_devices": [DEVICE],
    "register_device": lambda replaces=1, **_: replaces,
    "unregister_device": None,
    "initialize": None,
    "plan": PLAN,
    "get_plan": {**PLAN, "measured": MEASURED},
    "train": lambda options, **_: {
        name: options.get(name, usual) for name, usual in (("epochs", 10), ("learning_rate", 0.1))
    },
    "stop_job": {"status": "training"},
    "resume_job": {"status": "training"},
    "verify": VERIFIED,
    "list_checkpoints": CHECKPOINTS,
    "list_events": EVENT_PAGE,
    "list_all_events": EVENT_PAGE,
    "read_log": {"events": [], "next_after": 10_000_000_017, "gone": []},
    "get_metrics": CURVES,
    "list_steps": STEP_LOSSES,
    "begin_request": None,
    "finish_request": None,
    "drop_request": None,
    "get_model": WEIGHTS,
    "clone_job": "2",
    "predict": PREDICTION,
    "list_layers": LAYER_KINDS,
    "list_architectures": ARCHITECTURES,
    "list_sources": SOURCES,
    "previous_teraflops": TERAFLOPS,
    "doctor": DOCTOR,
    "figures": {"jobs_by_status": {}, "jobs": []},
    "ready": {"ready": True, **READY},
}


@dataclass
class FakeJobClient:
    """``calls`` has all of them, each with the values of its arguments; ``errors`` and ``answers``
    say what a call raises or returns, which may be a function of its arguments; ``form`` is what
    the model takes.

    What neither ``answers`` nor ``USUAL`` knows is answered by an example of its declared response.
    """

    calls: list[Call] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    form: InputForm = PIXELS

    def forget(self) -> None:
        """Resets it."""
        self.calls.clear()
        self.errors.clear()
        self.answers.clear()
        self.form = PIXELS

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """A ``JobClient``'s."""
        if call.name == "predict" and "predict" not in self.errors:
            question = arguments["read"](self.form, 2)
            rows = question.rows if isinstance(question, Rows) else None
            asked = question if rows is None else [row.tolist() for row in rows]
            arguments = {**arguments, "asked": asked}
        plain = {name: v for name, v in arguments.items() if not callable(v)}
        self.calls.append((call.name, tuple(plain.values())))
        if call.name in self.errors:
            raise self.errors[call.name]
        answer = self.answers[call.name] if call.name in self.answers else self.usual(call)
        if callable(answer):
            answer = answer(**plain)
        return io.BytesIO(answer) if call.name == "get_model" else answer

    def usual(self, call: ManagerCall) -> Any:
        """The answer unless a test sets another one."""
        if call.name in USUAL:
            return USUAL[call.name]
        assert isinstance(call, Operation)
        return call.to_result(example_of(call.response))


def example_of(response: Schema) -> Any:
    """The smallest value that fits."""
    assert not isinstance(response, dict)
    root = response.model_json_schema(mode="serialization")
    return _example(root, root.get("$defs", {}))


def _example(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(known[schema["$ref"].rsplit("/", 1)[1]], known)
    for choice in ("enum", "anyOf", "oneOf"):
        if choice in schema:
            first = schema[choice][0]
            return first if choice == "enum" else _example(first, known)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _example(properties[name], known) for name in schema.get("required", [])}
    number = schema.get("minimum", 0)
    values = {"array": [], "string": "", "integer": number, "number": number, "boolean": False}
    return schema.get("const", values.get(schema.get("type", "")))
