"""Proof on request over HTTP: a pipeline's training against a plain loop in another process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import ENDED, actor_processes, create_job, wait_until

CHANGE = """
    UPDATE log SET "values" = json_set("values", '$.loss', json_extract("values", '$.loss') + 0.5)
    WHERE job_id = ? AND kind = 'step' AND epoch = 1 AND step = 4
"""


def test_a_job_is_verified_and_a_changed_loss_is_found(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    with pytest.raises(ApiError, match="Job not found"):
        client.verify("77")
    job_id = create_job(client, gateway.info["devices"][:2])
    threads = min(2, os.cpu_count() or 1)
    client.initialize(job_id, partition="even", devices={"2": {"threads": threads}})
    with pytest.raises(ApiError, match=r"has no step on record yet: train it"):
        client.verify(job_id)
    client.train(job_id, epochs=2, num_microbatches=3, schedule="zb-h1", momentum=0.5)
    job = client.wait_for(job_id, ENDED, timeout_s=60.0)
    assert job["status"] == "completed" and job["plan"]["threads"]["2"] == threads

    told = client.verify(job_id)
    assert told["equal"] and told["steps"] == told["weights"]["compared_at_step"] == 46, told
    assert told["largest_loss_difference"] == told["weights"]["largest_difference"] == 0.0
    assert "the same losses, bit for bit. The weights after step 46 are the same" in told["message"]
    assert all(device["status"] == "free" for device in client.list_devices())

    file = gateway.log_path.parent / "tandem.db"
    with closing(sqlite3.connect(file, timeout=30)) as store, store:
        assert store.execute(CHANGE, (job_id,)).rowcount == 1
    told = client.verify(job_id, steps=5)
    assert not told["equal"] and told["largest_loss_difference"] == pytest.approx(0.5)
    assert (told["first_difference"]["epoch"], told["first_difference"]["step"]) == (1, 4)
    assert told["weights"]["compared_at_step"] is None
    pids = gateway.info["pids"]
    wait_until(lambda: not actor_processes(pids, "Replayer"), 10, "a Replayer is left")


def test_a_job_by_its_own_train_config_is_verified_in_other_processes(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    train_config = {
        "epochs": 2,
        "threads": 1,
        "optimizer": {"type": "AdamW", "weight_decay": 0.1},
        "lr_schedule": {"type": "one_cycle", "warmup_steps": 3},
        "clip_grad_norm": 0.5,
        "accumulate": 2,
        "freeze": ["0"],
        "eval_every": 5,
    }
    job_id = create_job(client, gateway.info["devices"][:2], train_config=train_config)
    client.initialize(job_id)
    assert client.train(job_id)["epochs"] == 2
    job = client.wait_for(job_id, ENDED, timeout_s=60.0)
    assert job["status"] == "completed" and job["train_config"] == train_config
    assert job["plan"]["train_config"]["freeze"] == ["0"]
    told = client.verify(job_id, steps=24)
    assert told["equal"] and told["weights"]["equal"], told
    validated = [s["step"] for s in client.list_steps(job_id) if "val_loss" in s]
    assert validated == [5, 10, 3, 8]  # every five of the session, twelve an epoch
