"""Owners' limits after a loss: layers move only where they fit, otherwise the job waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.job_manager import JobManager
from orchestrator.manager.manager_config import ManagerConfig
from tests.support.in_process_ray import FIRST_PORT, GATEWAY_IP, InProcessRay

MODEL = {"layer_sizes": [64, 256, 256, 256, 10]}
DATASET = {"name": "digits", "batch_size": 64, "val_batch_size": 64}
SOON_S = 30.0


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.05)


def test_a_job_waits_for_the_device_without_which_its_layers_do_not_fit(tmp_path: Path) -> None:
    ray = InProcessRay(2)
    with ray.installed():
        manager = JobManager(ManagerConfig(str(tmp_path), str(tmp_path), channel="actor_calls"))
        job_id = manager.create_job(MODEL, DATASET)
        for node in range(2):
            manager.register_device(GATEWAY_IP, FIRST_PORT + node, job_id)
        plan = manager.plan(job_id, {"partition": "even"})
        limit = max(device["memory"]["needed_bytes"] for device in plan["devices"])
        limits = {str(i): {"max_memory_bytes": limit} for i in (1, 2)}
        manager.initialize(job_id, {"partition": "even", "devices": limits})
        manager.train(job_id, {"epochs": 100_000})
        wait_for(lambda: manager.get_job(job_id)["progress"]["step"] > 0, "it trains")

        ray.lose(1)
        wait_for(lambda: manager.get_job(job_id)["recovery"] is not None, "the loss is noticed")
        wait_for(lambda: manager.get_job(job_id)["recovery"]["waiting_for"], "it waits")
        (missing,) = manager.get_job(job_id)["recovery"]["waiting_for"]
        assert missing.startswith(f"{GATEWAY_IP}:{FIRST_PORT + 1}, for without it there is too")
        assert f"offers {limit:,}" in missing
        assert manager.get_job(job_id)["status"] == "recovering"

        ray.bring_back(1)
        wait_for(lambda: manager.get_job(job_id)["status"] == "training", "it goes on")
        assert set(manager.get_job(job_id)["layers"]) == {"1", "2"}
        manager.delete_job(job_id, force=True)
        manager._book.store.close()
