"""The JobManager takes uploads in, trains on them by name, and knows which jobs need them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.errors import (
    Conflict,
    DatasetChanged,
    DatasetNotFound,
    DatasetUnavailable,
    InvalidRequest,
)
from orchestrator.uploads.upload_store import UploadStore
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.own_files import write_folder

MODEL = {"layer_sizes": [4, 8, 2]}
NPZ = {"format": "npz", "path": "data.npz"}
ENDLESS = {"epochs": 100_000, "threads": 1}
TIMEOUT_S = 20.0


def arrays(num_samples: int = 40, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    body = io.BytesIO()
    inputs = rng.standard_normal((num_samples, 4), np.float32)
    np.savez(body, x=inputs, y=np.arange(num_samples) % 2)
    return body.getvalue()


def store_of(world: JobManagerWorld) -> UploadStore:
    return UploadStore(world.storage / "uploads")


def add(
    world: JobManagerWorld,
    content: bytes = arrays(),
    config: dict[str, Any] = NPZ,
    name: str = "points",
    replace: bool = False,
) -> Any:
    """As the gateway does."""
    store = store_of(world)
    world.manager.check_upload(name, replace)
    with store.new_version(name) as version:
        (store.files_of(version) / "data.npz").write_bytes(content)
        arrived = {"config": config, "num_files": 1, "num_bytes": len(content)}
        return world.manager.add_dataset(name, replace, version=version, **arrived)


def new_job(world: JobManagerWorld, **config: Any) -> str:
    data = {"name": "points", "batch_size": 8, **config}
    job_id = world.manager.create_job(MODEL, data)
    world.manager.register_device("localhost", FIRST_PORT + 1, job_id)
    return job_id


def trained(world: JobManagerWorld, job_id: str) -> str:
    world.manager.train(job_id, {"epochs": 1, "threads": 1})
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "the end of the session")
    return str(world.manager.get_job(job_id)["status"])


def listed(world: JobManagerWorld) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in world.manager.list_datasets()}


def versions(world: JobManagerWorld) -> list[str]:
    return os.listdir(world.storage / "uploads/.versions")


def test_a_job_trains_on_an_upload_by_its_name_after_a_restart_too(world: JobManagerWorld) -> None:
    shown = add(world)
    assert (shown["name"], shown["dataset_config"], shown["jobs"]) == ("points", NPZ, [])
    assert (shown["understood"]["num_train"], shown["understood"]["num_val"]) == (32, 8)
    assert shown["understood"]["data"] == "points"
    job_id = new_job(world)
    assert world.manager.get_job(job_id)["dataset_config"]["name"] == "points"
    world.manager.initialize(job_id)
    assert trained(world, job_id) == "completed"
    world.restart()
    assert world.manager.get_dataset("points") == {**shown, "jobs": [job_id]}
    assert trained(world, job_id) == "completed"
    assert trained_anew(world) == "completed"


def trained_anew(world: JobManagerWorld) -> str:
    job_id = new_job(world)
    world.manager.initialize(job_id)
    return trained(world, job_id)


def test_known_and_uploaded_data_sets_are_listed_with_their_jobs(world: JobManagerWorld) -> None:
    add(world)
    job_id = new_job(world)
    found = listed(world)
    assert found["points"] == {
        "name": "points",
        "is_uploaded": True,
        "format": "npz",
        "num_files": 1,
        "num_bytes": len(arrays()),
        "num_train": 32,
        "num_val": 8,
        "jobs": [job_id],
    }
    assert not found["digits"]["is_uploaded"] and found["digits"]["num_train"] is None
    assert "csv" not in found


def test_fields_of_a_job_come_before_those_of_the_upload(world: JobManagerWorld) -> None:
    add(world, config={**NPZ, "validation_split": 0.5})
    assert world.manager.inspect_dataset({"name": "points"})["num_train"] == 20
    own = world.manager.inspect_dataset({"name": "points", "validation_split": 0.25, "seed": None})
    assert own["num_train"] == 30
    with pytest.raises(InvalidRequest, match="name and format"):
        world.manager.inspect_dataset({"name": "points", "format": "csv"})
    with pytest.raises(InvalidRequest, match="resize"):
        world.manager.inspect_dataset({"name": "points", "resize": [8, 8]})
    for path in ("../about.json", str(world.storage / "data.npz")):
        with pytest.raises(InvalidRequest, match="none of the folders"):
            world.manager.inspect_dataset({"name": "points", "path": path})


@pytest.mark.parametrize(
    ("content", "config", "error", "words"),
    [
        (b"no arrays", NPZ, DatasetUnavailable, "numpy"),
        (arrays(), {**NPZ, "target": "z"}, InvalidRequest, "target is 'z'"),
        (arrays(), {**NPZ, "size": 3}, InvalidRequest, "size is no field"),
        (
            arrays(),
            {"format": "csv", "path": "data.npz"},
            InvalidRequest,
            "target is missing.*`set`",
        ),
        (arrays(), {**NPZ, "path": "other.npz"}, InvalidRequest, "other.npz"),
    ],
)
def test_what_no_source_can_read_is_not_taken_in(
    world: JobManagerWorld,
    content: bytes,
    config: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        add(world, content, config)
    assert "points" not in listed(world) and versions(world) == []


def test_names_of_tandems_own_are_refused(world: JobManagerWorld) -> None:
    for name in ("digits", "mnist", "csv"):
        with pytest.raises(InvalidRequest, match="choose another name"):
            add(world, name=name)


def test_a_name_is_taken_once_and_may_be_replaced(world: JobManagerWorld) -> None:
    add(world)
    with pytest.raises(Conflict, match="points already"):
        add(world, arrays(80))
    assert listed(world)["points"]["num_train"] == 32
    add(world, arrays(80), replace=True)
    assert listed(world)["points"]["num_train"] == 64 and len(versions(world)) == 1


def test_a_job_does_not_train_on_what_has_taken_its_datas_place(world: JobManagerWorld) -> None:
    add(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    assert trained(world, job_id) == "completed"
    add(world, arrays(80, seed=1), replace=True)
    with pytest.raises(DatasetChanged, match=r"32 training.*the data set points has 64 training"):
        world.manager.train(job_id, {"epochs": 1})
    add(world, replace=True)
    assert trained(world, job_id) == "completed"


def test_while_a_job_trains_its_data_are_neither_replaced_nor_deleted(
    world: JobManagerWorld,
) -> None:
    add(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    world.manager.train(job_id, ENDLESS)
    with pytest.raises(Conflict, match=f"job {job_id} trains on it"):
        add(world, arrays(80), replace=True)
    with pytest.raises(Conflict, match=f"job {job_id}"):
        world.manager.delete_dataset("points")
    world.manager.stop_job(job_id)
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "the end of the session")
    with pytest.raises(Conflict, match=f"job {job_id}, which may still train"):
        world.manager.delete_dataset("points")
    world.manager.delete_dataset("points", force=True)
    assert "points" not in listed(world) and versions(world) == []
    with pytest.raises(DatasetUnavailable, match="points is not here any more"):
        world.manager.resume_job(job_id)


def test_what_only_completed_jobs_used_is_deleted(world: JobManagerWorld) -> None:
    add(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    assert trained(world, job_id) == "completed"
    world.manager.delete_dataset("points")
    assert "points" not in listed(world)
    for ask in (world.manager.get_dataset, world.manager.delete_dataset):
        with pytest.raises(DatasetNotFound, match="points"):
            ask("points")
    with pytest.raises(InvalidRequest, match="must be one of"):
        new_job(world)


def test_the_list_of_names_in_an_error_has_the_uploads(world: JobManagerWorld) -> None:
    add(world)
    with pytest.raises(InvalidRequest, match=r"digits.*points"):
        world.manager.inspect_dataset({"name": "point"})


def test_a_start_sweeps_what_a_kill_has_left(world: JobManagerWorld) -> None:
    add(world)
    left = world.storage / "uploads/.versions/dogs-1/files"
    left.mkdir(parents=True)
    world.restart()
    assert not left.exists() and listed(world)["points"]["num_train"] == 32


def test_what_is_known_of_an_upload_may_be_damaged(world: JobManagerWorld) -> None:
    add(world)
    (world.storage / "uploads/points/about.json").write_text("{")
    assert listed(world)["points"]["format"] is None
    with pytest.raises(DatasetUnavailable, match="replace=true"):
        world.manager.get_dataset("points")
    add(world, replace=True)
    assert listed(world)["points"]["format"] == "npz"


def test_places_are_shown_as_the_user_knows_them(world: JobManagerWorld) -> None:
    store = store_of(world)
    with store.new_version("pets") as version:
        files: Path = store.files_of(version)
        write_folder(files / "pets", {"cat": 8, "dog": 8})
        (files / "pets/cat/notes.txt").write_text("x")
        config = {"format": "image_folder", "path": "pets"}
        arrived = {"config": config, "num_files": 17, "num_bytes": 1}
        shown = world.manager.add_dataset("pets", False, version=version, **arrived)
    told = shown["understood"]
    assert [one["place"] for one in told["skipped"]] == ["pets/cat/notes.txt"]
    assert all(one["place"].startswith("pets/") for one in told["examples"])
    assert [one["name"] for one in told["classes"]] == ["cat", "dog"]
    again = world.manager.inspect_dataset({"name": "pets"})
    assert [one["place"] for one in again["examples"]] == [one["place"] for one in told["examples"]]


def test_what_is_wrong_is_told_by_the_places_of_the_upload(world: JobManagerWorld) -> None:
    store, config = store_of(world), {"format": "image_folder", "path": "pets"}
    with store.new_version("pets") as version:
        files: Path = store.files_of(version)
        write_folder(files / "pets", {"cat": 8, "dog": 8})
        (files / "pets/cat/003.png").write_bytes(b"no image")
        arrived = {"config": config, "num_files": 16, "num_bytes": 1}
        with pytest.raises(DatasetUnavailable, match=r"^pets/cat/003\.png ") as caught:
            world.manager.add_dataset("pets", False, version=version, **arrived)
        assert str(world.storage) not in caught.value.message
        arrived["config"] = {**config, "path": "cats"}
        with pytest.raises(InvalidRequest, match="in the upload") as refused:
            world.manager.add_dataset("pets", False, version=version, **arrived)
        assert str(world.storage) not in refused.value.message
