"""Jobs, devices and figures for a page to show, the same each time: some weeks of a small home."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta, timezone
from typing import Any

from actors.core.input_form import InputForm
from orchestrator.errors import JobNotFound
from orchestrator.jobs.figures.comparison import comparison
from tests.support.fake_job_client import DETAILS, DEVICE, DOCTOR, VERIFIED, FakeJobClient
from tests.support.page_catalogue import (
    ARCHITECTURES,
    LAYERS,
    SOURCES,
    inspect_dataset,
    upload_dataset,
)
from tests.support.page_results import DATASETS, evaluate, predict
from tests.support.page_trace import page_trace
from tests.support.plans import MEASURED, PLAN

BEGAN = datetime(2026, 3, 4, 9, 30, tzinfo=timezone.utc)
STEPS_PER_EPOCH = 23
STEP_S = 0.9
LOST_STEP = 310
MLP = {"layer_sizes": [784, 128, 64, 10]}
DIGITS = {"name": "digits", "resize": [28, 28], "batch_size": 64}
JOBS: list[tuple[str, str, dict[str, Any], dict[str, Any], int]] = [
    ("1", "completed", MLP, DIGITS, 2),
    ("2", "failed", {"layers": LAYERS[:4]}, {"format": "image_folder", "path": "pets"}, 2),
    ("3", "completed", {"architecture": "gpt"}, {"format": "text", "path": "letters.txt"}, 3),
    ("4", "stopped", {"architecture": "vit"}, {"name": "digits", "batch_size": 64}, 1),
    ("5", "training", {"architecture": "cnn"}, {"name": "MNIST", "batch_size": 64}, 3),
    ("6", "created", MLP, {"format": "csv", "path": "patients.csv", "target": "sick"}, 0),
]
TRAINED: dict[str, dict[str, Any]] = {
    "1": {"epochs": 30, "optimizer": {"type": "SGD", "momentum": 0.9}, "learning_rate": 0.1},
    "3": {"max_steps": 2_000, "optimizer": {"type": "AdamW"}, "learning_rate": 0.001},
    "5": {"epochs": 30, "optimizer": {"type": "AdamW"}, "learning_rate": 0.002},
}
"""How sessions trained, by job."""
STATS = {
    "1": (48.2, 9.1, 3.2, 14.0, 21.0e6, 21.2e6, 0.061, 0.42),
    "2": (61.4, 3.1, 2.8, 6.9, 41.0e6, 40.4e6, 0.048, 0.55),
    "3": (30.7, 31.5, 1.1, 11.2, 20.0e6, 19.4e6, 0.033, 0.21),
}
NODES = (("192.168.1.5", "tower", 16), ("192.168.1.6", "laptop", 8), ("192.168.1.9", "attic", 4))


def loss_at(job_id: str, step: int) -> float:
    """Falls, and shakes a little."""
    noise = random.Random(f"{job_id} {step}").gauss(0, 0.06)
    return 2.3 * math.exp(-step / (120 + 40 * int(job_id))) * (1 + noise) + 0.08


def series_of(job_id: str, num_steps: int) -> list[dict[str, Any]]:
    """As GET /api/jobs/<id>/metrics has it."""
    steps = list(range(1, num_steps + 1))
    ends = [s for s in steps if s % STEPS_PER_EPOCH == 0]
    begin_s = BEGAN.timestamp()
    curves = {
        "loss": (steps, [loss_at(job_id, s) for s in steps]),
        "val_loss": (ends, [loss_at(job_id, s) * 1.04 + 0.02 for s in ends]),
        "val_accuracy": (ends, [0.985 - 0.6 * math.exp(-s / 110) for s in ends]),
    }
    return [
        {"name": name, "steps": at, "at": [begin_s + STEP_S * s for s in at], "values": values}
        for name, (at, values) in curves.items()
    ]


def get_metrics(
    job_id: str, names: str | None = None, max_points: int = 1_000, **_: Any
) -> dict[str, Any]:
    """None of a job that has not trained."""
    found = series_of(job_id, 0 if job_id == "6" else 460)
    wanted = [one for one in found if names is None or one["name"] in names]
    return {"series": [thinned(one, max_points) for one in wanted], "last_seq": 900}


def thinned(curve: dict[str, Any], max_points: int) -> dict[str, Any]:
    """At most so many of its points."""
    each = -(-len(curve["steps"]) // max_points) or 1
    return {name: own if name == "name" else own[::each] for name, own in curve.items()}


def event(seq: int, step: int, kind: str, text: str | None, job_id: str = "5") -> dict[str, Any]:
    """An entry of the log."""
    at = (BEGAN + timedelta(seconds=STEP_S * step)).isoformat(timespec="milliseconds")
    epoch = step // STEPS_PER_EPOCH + 1
    place = {"epoch": epoch, "step": step % STEPS_PER_EPOCH}
    return {
        "seq": seq,
        "job_id": job_id,
        "at": at,
        "kind": kind,
        **place,
        "text": text,
        "values": {},
    }


EVENTS = [
    event(1, 0, "created", "Job 5 is created"),
    event(2, 0, "going_on", "Training on devices 1, 2 and 3"),
    event(311, LOST_STEP, "lost", "Device 3 (192.168.1.9:5001) does not answer any more"),
    event(312, LOST_STEP + 1, "rolled_back", "Going back 6 steps, to the snapshot of step 304"),
    event(313, LOST_STEP + 5, "going_on", "Training on devices 1 and 2"),
    event(380, LOST_STEP + 60, "replanning", "Device 3 (192.168.1.9:5001) is back"),
    event(381, LOST_STEP + 62, "going_on", "Training on devices 1, 2 and 3"),
]


def summary(job: tuple[str, str, dict[str, Any], dict[str, Any], int]) -> dict[str, Any]:
    """As it is listed."""
    job_id, status, model, dataset, devices = job
    return {
        "job_id": job_id,
        "status": status,
        "devices": devices,
        "model_config": model,
        "dataset_config": dataset,
    }


def device_stats(values: tuple[float, ...]) -> dict[str, Any]:
    """Of a device that has trained for a minute and a half."""
    computing, waiting, updating, wire, sent, received, tflops, peak = values
    return {
        "forward_tflops": tflops * 0.35,
        "backward_tflops": tflops * 0.65,
        "total_tflops": tflops,
        "computing_s": computing,
        "waiting_s": waiting,
        "wire_s": wire,
        "updating_s": updating,
        "loading_s": 0.8,
        "snapshots_s": 0.6,
        "snapshot_interval_s": 1.1,
        "bytes_sent": sent,
        "bytes_received": received,
        "memory_bytes": 410 * 2**20,
        "peak_share": peak,
        "bubble": 0.14,
        "power_w": None,
        "max_activations_held": 3,
    }


def get_job(job_id: str, **_: Any) -> dict[str, Any]:
    """A job's details; job 5 trains on three devices."""
    found = [job for job in JOBS if job[0] == job_id]
    if not found:
        raise JobNotFound(f"Job {job_id} not found: GET /api/jobs lists those that there are")
    shown = summary(found[0])
    details = {**DETAILS, **shown, "model": shown["model_config"]}
    if job_id == "2":
        details["error"] = "pets/cat/tom.jpg is no image that Pillow can read: take it out"
    if job_id == "6":
        return details
    devices = [
        {"device_id": i + 1, "ip": NODES[i][0], "port": 5001} for i in range(shown["devices"])
    ]
    ranges = {1: [[0, 6]], 2: [[0, 2], [2, 3]], 3: [[0, 2], [2, 5], [5, 6]]}[len(devices)]
    worse = 5 - int(job_id)
    epoch = {"epoch": 20, "session": 1, "train_loss": 0.21 + 0.012 * worse}
    tested = {"val_loss": 0.198 + 0.011 * worse, "val_accuracy": 0.9412 - 0.0034 * worse}
    trained = {"schedule": "1f1b", "train_config": TRAINED.get(job_id, {})}
    return {
        **details,
        "model": {"layers": LAYERS} if job_id == "5" else shown["model_config"],
        "registered_devices": devices,
        "layers": {str(i + 1): own for i, own in enumerate(ranges)},
        "history": [{**epoch, **tested, "samples_per_s": 1_630.0 + 210 * worse}],
        "num_epochs": 20,
        "plan": trained,
        "progress": {
            "epoch": 21,
            "epochs": 30,
            "step": 9,
            "steps": STEPS_PER_EPOCH,
            "loss": loss_at(job_id, 460),
            "samples_per_s": 1_630.0,
        },
        "device_stats": {i: device_stats(STATS[i]) for i in ("1", "2", "3")[: len(devices)]},
        "recovery": {
            "num_failures": 1,
            "lost_steps": 6,
            "waiting_for": [],
            "advice": None,
            "last_cause": None,
        },
        "data": {"num_train": 54_000, "num_val": 6_000, "fingerprint": "5f0c2e"},
    }


def get_plan(job_id: str) -> dict[str, Any]:
    """The fake's plan, for as many devices as the job has."""
    stages = get_job(job_id)["layers"]
    devices = [
        {
            **PLAN["devices"][0],
            "device_id": int(i),
            "layers": own,
            "computing_s": 0.21 + 0.07 * int(i),
        }
        for i, own in stages.items()
    ]
    measured = {"computing_s": 0.29, "updating_s": 0.02, "waiting_s": 0.11, "snapshots_s": 0.004}
    pairs = [[int(i), int(i) + 1] for i in list(stages)[:-1]]
    return {
        **PLAN,
        "job_id": job_id,
        "step_s": 0.44,
        "samples_per_s": 145.0,
        "devices": devices,
        "links": [
            {**PLAN["links"][0], "devices": pair, "kind": "gloo", "bytes_per_s": 11.2e6}
            for pair in pairs
        ],
        "measured": {
            **MEASURED,
            "step_s": 0.46,
            "predicted_step_s": 0.44,
            "devices": dict.fromkeys(stages, measured),
        },
    }


def compare_jobs(jobs: str) -> dict[str, Any]:
    """As the JobManager does it."""
    details = [get_job(job_id) for job_id in jobs.split(",")]
    steps = {job["job_id"]: 0.26 + 0.03 * int(job["job_id"]) for job in details if job["history"]}
    return comparison(details, {i: {"measured": {"step_s": s}} for i, s in steps.items()})


def devices() -> list[dict[str, Any]]:
    """Three machines, one of which is gone."""
    listed = []
    for ip, host, cores in NODES:
        own = {"ip": ip, "host_name": host, "cores": cores, "jobs": ["5"], "held_by": "5"}
        size = {"memory_bytes": cores * 2**31, "available_memory_bytes": cores * 2**30}
        listed.append({**DEVICE, **own, **size, "status": "busy"})
    gone = dict.fromkeys(("node_id", "host_name", "cores", "accelerators", "os", "versions"))
    reason = "No live Ray node is at 192.168.1.12:5001: run tandem join 192.168.1.5:6379 there"
    memory = dict.fromkeys(("memory_bytes", "available_memory_bytes"))
    lost = {"ip": "192.168.1.12", "jobs": ["1"], "status": "gone", "probe_error": reason}
    return [*listed, {**DEVICE, **gone, **memory, **lost}]


def page_world() -> FakeJobClient:
    """A fake JobManager that a page can show."""
    fake = FakeJobClient(form=InputForm((1, 28, 28), is_pixels=True))
    fake.answers = {
        "list_jobs": [summary(job) for job in JOBS],
        "get_job": get_job,
        "compare_jobs": compare_jobs,
        "get_metrics": get_metrics,
        "list_events": lambda job_id, **_: {
            "events": [e for e in EVENTS if e["job_id"] == job_id],
            "next_after": 900,
        },
        "read_log": {"events": [], "next_after": 900, "gone": []},
        "get_plan": get_plan,
        "trace": page_trace,
        "plan": {**PLAN, "job_id": "7"},
        "list_devices": devices(),
        "list_sources": SOURCES,
        "list_architectures": ARCHITECTURES,
        "inspect_dataset": inspect_dataset,
        "upload_dataset": upload_dataset,
        "predict": predict,
        "evaluate": evaluate,
        "list_datasets": DATASETS,
        "verify": VERIFIED,
        "create_job": "7",
        "doctor": DOCTOR,
    }
    return fake
