"""A job knows its data again: files that are wrong or others are refused, with what helps."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.core.sources.registry import arrays_key, parse_source
from orchestrator.data import datasets, source_tasks
from orchestrator.errors import DatasetChanged, DatasetUnavailable, InvalidRequest
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.mnist import mnist_files, write_mnist

DATA = {"name": "MNIST", "resize": [4, 4], "batch_size": 10, "val_batch_size": 10}
MODEL = {"layer_sizes": [16, 8, 10]}
TIMEOUT_S = 20.0
ENDLESS = {"epochs": 100_000, "threads": 1}


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def put_files(world: JobManagerWorld, num_train: int = 100, seed: int = 0) -> None:
    write_mnist(world.storage, num_train, 20, seed=seed)


def new_job(world: JobManagerWorld, node: int = 1) -> str:
    job_id = world.manager.create_job(MODEL, DATA)
    world.manager.register_device("localhost", FIRST_PORT + node, job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, **options: Any) -> dict[str, Any]:
    world.manager.train(job_id, {"epochs": 1, "threads": 1, **options})
    wait_for(lambda: not world.has_a_session(job_id))
    return world.manager.get_job(job_id)


def trained_job(world: JobManagerWorld) -> str:
    put_files(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    assert train(world, job_id)["status"] == "completed"
    return job_id


def stopped_job(world: JobManagerWorld) -> str:
    put_files(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    world.manager.train(job_id, ENDLESS)
    wait_for(lambda: world.trains(job_id))
    world.manager.stop_job(job_id)
    wait_for(lambda: not world.has_a_session(job_id))
    assert world.manager.get_job(job_id)["status"] == "stopped"
    return job_id


def test_wrong_files_are_refused_by_initialize_with_their_finding(world: JobManagerWorld) -> None:
    put_files(world)
    job_id = new_job(world)
    labels = mnist_files(world.storage)[1]
    own = labels.read_bytes()
    labels.write_bytes(own[:4] + (90).to_bytes(4, "big") + own[8:98])
    with pytest.raises(DatasetUnavailable, match=r"100 images.* 90 labels") as raised:
        world.manager.initialize(job_id)
    assert str(labels) in raised.value.message
    assert world.holders() == {} and world.manager.get_job(job_id)["status"] == "created"
    labels.write_bytes(own)
    world.manager.initialize(job_id)
    assert train(world, job_id)["status"] == "completed"


def test_a_job_is_not_created_on_a_file_that_can_not_be_the_right_one(
    world: JobManagerWorld,
) -> None:
    put_files(world)
    images = mnist_files(world.storage)[0]
    images.write_bytes(b"<html>")
    with pytest.raises(DatasetUnavailable, match=re.escape(str(images))):
        new_job(world)
    assert world.manager.list_jobs() == []


@pytest.mark.parametrize("silent", [AssertionError(), EOFError(), KeyError()], ids=repr)
def test_an_error_without_a_word_is_told_by_its_kind(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch, silent: Exception
) -> None:
    put_files(world)

    def fail(*_: Any) -> None:
        raise silent

    monkeypatch.setattr(source_tasks, "read_source", fail)
    job_id = new_job(world)
    with pytest.raises(DatasetUnavailable, match=type(silent).__name__) as raised:
        world.manager.initialize(job_id)
    assert "MNIST" in raised.value.message


@pytest.mark.parametrize("num_train", [100, 60], ids=["as many", "fewer"])
@pytest.mark.parametrize("restarted", [False, True])
def test_other_files_are_refused_by_a_resume_until_the_old_ones_are_back(
    world: JobManagerWorld, num_train: int, restarted: bool
) -> None:
    job_id = stopped_job(world)
    before = world.shown(job_id)
    put_files(world, num_train, seed=1)
    if restarted:
        world.restart()
    with pytest.raises(DatasetChanged, match=f"100 training .* {num_train} training") as raised:
        world.manager.resume_job(job_id)
    assert len(set(re.findall(r"[0-9a-f]{32}", raised.value.message))) == 2
    assert f"/api/network/initialize/{job_id}" in raised.value.message
    world.assert_still({job_id: before})
    assert world.holders() == {}
    put_files(world)
    world.manager.resume_job(job_id)
    wait_for(lambda: world.trains(job_id))


def test_other_files_are_refused_by_train_and_verify_and_taken_by_initialize(
    world: JobManagerWorld,
) -> None:
    job_id = trained_job(world)
    assert world.manager.verify(job_id)["equal"]
    put_files(world, 40, seed=1)
    with pytest.raises(DatasetChanged):
        world.manager.train(job_id, {"epochs": 1})
    with pytest.raises(DatasetChanged):
        world.manager.verify(job_id)
    world.manager.initialize(job_id)
    assert train(world, job_id)["status"] == "completed"
    assert len(world.manager.list_steps(job_id)) == 4
    assert world.manager.verify(job_id)["equal"]


def test_a_job_manager_that_takes_a_job_up_does_not_train_it_on_other_files(
    world: JobManagerWorld,
) -> None:
    put_files(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    world.manager.train(job_id, ENDLESS)
    wait_for(lambda: world.trains(job_id))
    world.restart(meanwhile=lambda: put_files(world, seed=1))
    wait_for(lambda: not world.has_a_session(job_id))
    job = world.manager.get_job(job_id)
    assert job["status"] == "failed" and "Put the old files back" in job["error"]
    put_files(world)
    world.manager.resume_job(job_id)
    wait_for(lambda: world.trains(job_id))


def test_files_of_the_same_content_are_the_same_data(world: JobManagerWorld) -> None:
    job_id = stopped_job(world)
    for file in mnist_files(world.storage):
        copy = file.with_suffix(".copy")
        copy.write_bytes(file.read_bytes())
        os.replace(copy, file)
    world.manager.resume_job(job_id)
    wait_for(lambda: world.trains(job_id))


def test_a_session_under_way_keeps_its_data_and_a_new_job_gets_the_new(
    world: JobManagerWorld,
) -> None:
    put_files(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    world.manager.train(job_id, ENDLESS)
    wait_for(lambda: world.trains(job_id))
    put_files(world, 40, seed=1)
    second = new_job(world, 2)
    world.manager.initialize(second)
    assert train(world, second)["status"] == "completed"
    assert len(world.manager.list_steps(second)) == 4
    assert world.trains(job_id)
    world.manager.stop_job(job_id)
    wait_for(lambda: not world.has_a_session(job_id))
    (newest, *_), steps = world.manager.list_checkpoints(job_id), world.manager.list_steps(job_id)
    assert newest["step"] == len(steps), "by the 10 steps of its own epochs"


def test_files_that_went_bad_since_initialize_are_refused_before_a_session(
    world: JobManagerWorld,
) -> None:
    put_files(world)
    job_id = new_job(world)
    world.manager.initialize(job_id)
    assert world.actors(job_id)
    images = mnist_files(world.storage)[0]
    images.write_bytes(b"<html>")
    with pytest.raises(DatasetUnavailable, match=re.escape(str(images))):
        train(world, job_id)
    assert world.manager.get_job(job_id)["status"] == "initialized" and world.actors(job_id)
    put_files(world)
    assert train(world, job_id)["status"] == "completed"
    assert not world.actors(job_id) and world.holders() == {}


def test_fewer_samples_than_a_batch_are_refused_before_a_session(world: JobManagerWorld) -> None:
    put_files(world)
    job_id = new_job(world)
    put_files(world, 5)
    with pytest.raises(InvalidRequest, match="batch_size"):
        world.manager.initialize(job_id)


def test_the_data_are_loaded_when_the_job_is_created(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(world)
    loaded = threading.Event()
    load = source_tasks.read_source
    monkeypatch.setattr(source_tasks, "read_source", lambda *a: [load(*a), loaded.set()][0])
    new_job(world)
    assert loaded.wait(TIMEOUT_S)


def test_files_that_change_while_they_are_loaded_are_read_again(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(world)
    store, key = world.manager._datasets, parse_source({"name": "MNIST"})
    was_read, go_on = threading.Event(), threading.Event()
    load = source_tasks.read_source

    def slow(*arguments: Any) -> Any:
        found = load(*arguments)
        was_read.set()
        assert go_on.wait(TIMEOUT_S)
        return found

    monkeypatch.setattr(source_tasks, "read_source", slow)
    loading = threading.Thread(target=store.start_loading, args=(key,))
    loading.start()
    assert was_read.wait(TIMEOUT_S)
    put_files(world, 40, seed=1)
    go_on.set()
    loading.join(TIMEOUT_S)
    (stale,) = store._loading.values()
    assert store.get(key).num_train == 40
    assert stale not in store._loading.values()


def test_what_is_large_or_not_the_first_is_loaded_when_it_is_needed(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(world)
    store, key = world.manager._datasets, parse_source({"name": "MNIST"})
    monkeypatch.setattr(datasets, "EARLY_BYTES", 1000)
    store.start_loading(key)
    assert not store._loading
    monkeypatch.undo()
    digits = parse_source({"name": "digits"})
    store._loading[key] = datasets._Loading([], None)  # under way
    store.start_loading(digits)
    assert list(store._loading) == [key]
    store._loading.clear()
    store.start_loading(digits)
    assert list(store._loading) == [arrays_key(digits)]


def test_a_load_that_failed_before_anybody_asked_is_tried_again(world: JobManagerWorld) -> None:
    put_files(world)
    mnist_files(world.storage)[0].write_bytes(b"<html>")
    store, key = world.manager._datasets, parse_source({"name": "MNIST"})
    store.start_loading(key)
    wait_for(lambda: not store._loading)
    put_files(world)
    assert store.get(key).num_train == 100


def test_two_readers_of_new_files_load_them_once(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(world)
    store, key = world.manager._datasets, parse_source({"name": "MNIST"})
    loads: list[str] = []
    load = source_tasks.read_source
    monkeypatch.setattr(source_tasks, "read_source", lambda *a: [loads.append(a[0]), load(*a)][1])
    first = store.get(key)
    put_files(world, 40, seed=1)
    threads = [threading.Thread(target=store.get, args=(key,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert store.get(key).num_train == 40 and first.num_train == 100
    assert len(loads) == 2
