"""The storage fails while a job trains: it trains on, says what helps, and loses nothing."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.checkpoints import of_newer_format
from tests.support.disks import FailingDisk, full, read_only, small_disk
from tests.support.jobs import (
    DIGITS,
    ENDED,
    LAYER_SIZES,
    actor_processes,
    create_job,
    layer_actors,
    wait_for_step,
    wait_until,
)
from tests.support.ports import consecutive_free_ports
from tests.support.ray_nodes import RayCluster
from tests.support.undisturbed import assert_undisturbed

EPOCHS = 80
OPTIONS: dict[str, Any] = {"epochs": EPOCHS, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
JOB = {"model_config": {"layer_sizes": LAYER_SIZES}, "dataset_config": DIGITS}
FREE = "free some space there"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("storage") / "disk", "24m") as folder:
        yield folder


@pytest.fixture(scope="module")
def checkpoint_disk(disk: Path) -> Iterator[Path]:
    """A separate disk, because no file is open there between two checkpoints: it can be made
    read-only."""
    with small_disk(disk / "checkpoints", "24m") as folder:
        yield folder


@pytest.fixture(scope="module")
def troubled(disk: Path, checkpoint_disk: Path) -> Iterator[GatewayProcess]:
    """A gateway with all that it keeps on the small disks."""
    first = consecutive_free_ports(2)[0]
    gateway = GatewayProcess.start(disk, ["--local-device-port", str(first)])
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def at(troubled: GatewayProcess) -> Iterator[TandemClient]:
    client = TandemClient(troubled.url, timeout_s=60.0)
    yield client
    for job in client.list_jobs():
        client.delete_job(job["job_id"], force=True)


def start(client: TandemClient, gateway: GatewayProcess) -> str:
    """A job under way, with a checkpoint or more."""
    job_id = create_job(client, gateway.info["devices"], checkpoints={"interval_s": 0.5})
    client.initialize(job_id)
    client.train(job_id, **OPTIONS)
    wait_for_step(client, job_id, 100)
    wait_until(lambda: client.list_checkpoints(job_id), 20, "there is no checkpoint")
    return job_id


def assert_ends_undisturbed(client: TandemClient, job_id: str) -> None:
    """With the bits of a plain loop, in every step, epoch and weight, all on the disk."""
    job = client.wait_for(job_id, ENDED, 100, patience_s=60)
    assert job["status"] == "completed", job
    wait_until(lambda: is_saved(client, job_id), 20, "not all was saved")
    assert len(job["history"]) == EPOCHS
    assert_undisturbed(client, job_id, OPTIONS)


def is_saved(client: TandemClient, job_id: str) -> bool:
    return "storage_error" not in client.get_job(job_id)


def assert_told(client: TandemClient, job_id: str, *words: str) -> None:
    """The job's storage error has all of these words."""
    wait_until(lambda: not is_saved(client, job_id), 20, "nothing was said")
    text = client.get_job(job_id)["storage_error"]
    assert all(word.lower() in text.lower() for word in words), text


def events(client: TandemClient, job_id: str) -> dict[str, str]:
    """The last text of each kind."""
    return {event["kind"]: event["text"] for event in client.list_events(job_id)["events"]}


def assert_trains_on(client: TandemClient, job_id: str) -> None:
    """Or it has come to its end in the meantime."""
    first = client.get_job(job_id)["progress"]
    wait_until(lambda: has_moved(client, job_id, first), 20, "it does not train on")


def has_moved(client: TandemClient, job_id: str, first: dict[str, Any]) -> bool:
    job = client.get_job(job_id)
    assert job["status"] in ("training", "completed"), job
    return job["status"] == "completed" or job["progress"] != first


def end_job_manager(gateway: GatewayProcess) -> None:
    (process,) = actor_processes(gateway.info["pids"], "JobManager")
    process.kill()
    process.wait(10)


@contextmanager
def locked(disk: Path) -> Iterator[None]:
    """Another process than the JobManager's keeps the database to itself."""
    with closing(sqlite3.connect(disk / "tandem.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def create(url: str, key: str) -> requests.Response:
    headers = {"Idempotency-Key": key}
    return requests.post(f"{url}/api/jobs", json=JOB, headers=headers, timeout=60)


def test_a_disk_that_is_full_costs_nothing(
    troubled: GatewayProcess, disk: Path, checkpoint_disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    with full(disk), full(checkpoint_disk):
        assert_told(at, job_id, str(disk), "the disk is full", FREE)
        assert "the disk is full" in str(events(at, job_id))
        assert_trains_on(at, job_id)
        assert at.wait_for(job_id, ENDED, 100)["status"] == "completed"
        assert_told(at, job_id, str(disk), "the disk is full", FREE)
        model = at.get_model(job_id)
    assert_ends_undisturbed(at, job_id)
    assert at.get_model(job_id) == model
    end_job_manager(troubled)
    assert_ends_undisturbed(at, job_id)  # now it is on the disk indeed


def test_a_job_manager_that_ends_while_the_disk_is_full_waits_for_room(
    troubled: GatewayProcess, disk: Path, checkpoint_disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    with full(disk), full(checkpoint_disk):
        assert_told(at, job_id, str(disk), "the disk is full", FREE)
        end_job_manager(troubled)
        try:
            at.list_jobs()
        except ApiError as refused:  # there may be room for some rows yet
            assert refused.status == 503
            assert re.search(f"{disk}.*the disk is full.*{FREE}", refused.message)
    assert_ends_undisturbed(at, job_id)
    assert "taken_up" in events(at, job_id)


def test_checkpoints_that_can_not_be_written_for_a_while_cost_nothing(
    troubled: GatewayProcess, checkpoint_disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    with read_only(checkpoint_disk):
        words = (str(checkpoint_disk), "the file system is read-only", "mount it writable")
        assert_told(at, job_id, *words)
        assert all(word in events(at, job_id)["checkpoint_failed"] for word in words)
        assert_trains_on(at, job_id)
    wait_until(lambda: is_saved(at, job_id), 20, "no checkpoint was written again")
    assert "checkpoint_saved" in events(at, job_id)
    end_job_manager(troubled)
    assert_ends_undisturbed(at, job_id)


def test_a_database_that_another_process_locks_is_waited_for(
    troubled: GatewayProcess, disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    before = {job["job_id"] for job in at.list_jobs()}
    with ThreadPoolExecutor(1) as pool, locked(disk):
        posting = pool.submit(create, troubled.url, "key-1")
        assert_told(at, job_id, str(disk), "another process keeps it locked", "`fuser` names it")
        assert_trains_on(at, job_id)
        refused = posting.result()
    assert refused.status_code == 503
    assert "another process keeps it locked" in refused.json()["error"]
    created = create(troubled.url, "key-1")
    assert created.status_code == 201, created.text
    assert create(troubled.url, "key-1").json() == created.json()
    new = {job["job_id"] for job in at.list_jobs()} - before
    assert new == {created.json()["job_id"]}
    assert_ends_undisturbed(at, job_id)
    assert "locked" in events(at, job_id)["storage_trouble"]
    assert "storage_back" in events(at, job_id)


def test_a_request_with_a_key_is_done_once_though_the_job_manager_ends_amid_it(
    troubled: GatewayProcess, at: TandemClient
) -> None:
    job_id = create_job(at, troubled.info["devices"])
    url = f"{troubled.url}/api/network/initialize/{job_id}"
    key = {"Idempotency-Key": "key-2"}
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(requests.post, url, headers=key, timeout=100)
        wait_until(lambda: layer_actors(troubled.info["pids"]), 20, "it was not begun")
        end_job_manager(troubled)
        answer = posting.result()
    assert answer.status_code == 200, answer.text
    again = requests.post(url, headers=key, timeout=100)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (answer.json(), "true")
    assert at.get_job(job_id)["status"] == "initialized"


@pytest.mark.extended
def test_what_a_newer_version_wrote_is_refused_and_left_alone(
    troubled: GatewayProcess, disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    at.stop_job(job_id)
    assert at.wait_for(job_id, ENDED, 60)["status"] == "stopped"
    newest, *older = at.list_checkpoints(job_id)
    (folder,) = (disk / "checkpoints" / "jobs").glob(f"{job_id}-*/session-1-*")
    manifest = folder / newest["checkpoint_id"] / "manifest.json"
    own = manifest.read_bytes()
    manifest.write_bytes(of_newer_format(manifest))
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    at.resume_job(job_id)
    job = at.wait_for(job_id, ENDED, 60)
    assert job["status"] == "failed", job
    assert str(manifest) in job["error"] and "start that newer Tandem" in job["error"]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    assert older and at.list_checkpoints(job_id) == older
    manifest.write_bytes(own)
    at.resume_job(job_id)
    wait_until(lambda: at.get_job(job_id)["status"] == "training", 30, "it does not go on")

    (revision,) = set_revision(disk, "9999")
    end_job_manager(troubled)
    with pytest.raises(ApiError, match=r"a newer Tandem wrote it.*install that Tandem") as refused:
        at.list_jobs()
    assert refused.value.status == 503 and str(disk) in refused.value.message
    assert set_revision(disk, revision) == ("9999",)
    assert_ends_undisturbed(at, job_id)


def set_revision(disk: Path, revision: str) -> tuple[str, ...]:
    """Says that this version wrote the database; returns which had."""
    with closing(sqlite3.connect(disk / "tandem.db", timeout=30)) as connection, connection:
        (before,) = connection.execute("SELECT version_num FROM alembic_version")
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    return tuple(before)


def second_gateway(disk: Path, *arguments: str, **env: str) -> str:
    """The message of a second gateway that can't use the same storage."""
    command = [sys.executable, "-m", "http_gateway", "--port", "0", "--host", "127.0.0.1"]
    command += ["--storage-path", str(disk), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=env or None)
    assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.mark.extended
def test_a_second_gateway_on_the_storage_is_told_whose_it_is_and_harms_nothing(
    troubled: GatewayProcess, disk: Path, at: TandemClient
) -> None:
    job_id = start(at, troubled)
    said = second_gateway(disk)
    assert f"in use by the gateway at {troubled.url} (process {troubled.process.pid})" in said
    assert "end that one, or choose another --storage-path" in said
    cluster = RayCluster()
    try:
        cluster.start_head()
        said = second_gateway(disk, "--ray-address", cluster.address, **cluster.env)
    finally:
        for node in cluster.nodes:
            node.kill()
        cluster.stop()
    assert f"in use by the JobManager of the cluster at {troubled.info['ray_address']}" in said
    assert "end that one, or choose another --storage-path" in said
    assert json.loads((disk / "gateway.json").read_text()) == troubled.info
    assert_ends_undisturbed(at, job_id)
    assert "lost" not in events(at, job_id)


@pytest.mark.extended
def test_a_disk_that_fails_for_good_is_trained_without_and_gone_on_with_once_mended(
    tmp_path: Path,
) -> None:
    disk = FailingDisk.make(tmp_path, "64m")
    arguments = ["--local-device-port", str(consecutive_free_ports(2)[0])]
    try:
        gateway = GatewayProcess.start(disk.folder, arguments)
        try:
            client = TandemClient(gateway.url, timeout_s=60.0)
            job_id = start(client, gateway)
            disk.fail()
            assert_told(client, job_id, str(disk.folder), "read-only", "writable")
            assert client.wait_for(job_id, ENDED, 100)["status"] == "completed"
            model = client.get_model(job_id)
        finally:
            gateway.stop()
        assert not any(psutil.pid_exists(pid) for pid in gateway.info["pids"])
        disk.mend()
        gateway = GatewayProcess.start(disk.folder, arguments)
        try:
            client = TandemClient(gateway.url, timeout_s=60.0)
            assert_ends_undisturbed(client, job_id)
            assert client.get_model(job_id) == model
        finally:
            assert gateway.stop() == 0
    finally:
        disk.remove()
