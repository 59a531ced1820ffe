"""A plan in the API's form."""

from __future__ import annotations

from typing import Any


def _device(device_id: int, layers: list[int]) -> dict[str, Any]:
    memory = dict.fromkeys(
        (
            "parameters",
            "gradients",
            "optimizer",
            "activations",
            "working",
            "messages",
            "snapshots",
            "copies",
        ),
        100_000,
    )
    return {
        "device_id": device_id,
        "layers": layers,
        "threads": 1,
        "cores": 4,
        "accelerator": None,
        "memory_bytes": 16 * 2**30,
        "matmul_tflops": 0.06,
        "computing_s": 0.008,
        "updating_s": 0.001,
        "waiting_s": 0.003,
        "wire_s": 0.002,
        "activations_held": 2,
        "memory": {"needed_bytes": 700_000, "limit_bytes": None}
        | {f"{name}_bytes": size for name, size in memory.items()},
    }


PLAN: dict[str, Any] = {
    "job_id": "1",
    "partition": "auto",
    "schedule": "1f1b",
    "num_microbatches": 2,
    "batch_size": 256,
    "wire": "fp32",
    "step_s": 0.012,
    "samples_per_s": 21_333.3,
    "bubble": 0.25,
    "channels": ["shared_memory"],
    "devices": [_device(1, [0, 1]), _device(2, [1, 3])],
    "links": [
        {
            "devices": [1, 2],
            "kind": "shared_memory",
            "latency_s": 0.0002,
            "bytes_per_s": 2e9,
            "message_bytes": 65_576,
            "message_s": 0.00023,
        }
    ],
    "verdict": {
        "worth_combining": True,
        "text": "Two devices train this 1.6 times as fast as device 1 alone with 4 threads "
        "(12 ms against 19 ms a step).",
        "step_s": 0.012,
        "same_threads": {"device_id": 1, "threads": 1, "step_s": 0.023},
        "all_cores": {"device_id": 1, "threads": 4, "step_s": 0.019},
        "slowest_device_id": 2,
        "held_up_s": 0.0,
    },
}
MEASURED: dict[str, Any] = {
    "step_s": 0.0125,
    "predicted_step_s": 0.012,
    "error": -0.04,
    "devices": {
        key: {"computing_s": 0.008, "updating_s": 0.001, "waiting_s": 0.0034, "snapshots_s": 0.0001}
        for key in ("1", "2")
    },
    "note": None,
}
