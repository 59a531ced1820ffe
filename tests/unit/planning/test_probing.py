"""Measuring, over the real JobManager and LayerActors; only Ray is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.core.stages.profiles import LinkProfile
from actors.layer_actor import LayerActor
from orchestrator.errors import InvalidRequest, ProbeFailed
from orchestrator.job_manager import JobManager
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.sessions.measuring import probing
from tests.support.in_process_ray import FIRST_PORT, GATEWAY_IP, InProcessRay
from tests.support.jobs import wait_until

MODEL = {"layer_sizes": [64, 16, 16, 10]}
DATASET = {"name": "digits", "batch_size": 64}


@pytest.fixture
def ray() -> Iterator[InProcessRay]:
    ray = InProcessRay(2)
    with ray.installed():
        yield ray


@pytest.fixture
def manager(ray: InProcessRay, tmp_path: Path) -> Iterator[JobManager]:
    manager = JobManager(ManagerConfig(str(tmp_path), str(tmp_path), channel="actor_calls"))
    yield manager
    for job in manager.list_jobs():
        manager.delete_job(job["job_id"], force=True)
    manager._book.store.close()


@pytest.fixture
def job_id(manager: JobManager) -> str:
    job_id = manager.create_job(MODEL, DATASET)
    for node in range(2):
        manager.register_device(GATEWAY_IP, FIRST_PORT + node, job_id)
    return job_id


def is_idle(manager: JobManager, ray: InProcessRay, job_id: str) -> bool:
    """Nothing runs, nothing is held."""
    held = manager._table.holders()
    alive = [actor for actor in ray.actors if actor.is_alive]
    return manager.get_job(job_id)["status"] == "created" and not held and not alive


def test_a_preview_measures_and_leaves_nothing_behind(
    manager: JobManager, ray: InProcessRay, job_id: str
) -> None:
    plan = manager.plan(job_id, {"schedule": "auto", "num_microbatches": "auto"})
    assert [device["device_id"] for device in plan["devices"]] == [1, 2]
    assert plan["channels"] == ["actor_calls"] and plan["step_s"] > 0
    assert is_idle(manager, ray, job_id)


def test_what_was_measured_is_not_measured_again(
    manager: JobManager, ray: InProcessRay, job_id: str
) -> None:
    manager.plan(job_id, {})
    started = len(ray.actors)
    manager.plan(job_id, {"partition": "even"})
    assert len(ray.actors) == started
    manager.plan(job_id, {"devices": {"1": {"max_memory_bytes": 10**9}}})
    assert len(ray.actors) == started


def test_a_limit_beyond_what_a_device_has_is_refused_however_much_is_known(
    manager: JobManager, job_id: str
) -> None:
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=r"devices\.2\.max_memory_bytes is \d+, but"):
            manager.plan(job_id, {"devices": {"2": {"max_memory_bytes": 2**60}}})
        manager.plan(job_id, {})


def test_what_was_measured_long_ago_is_measured_again(
    manager: JobManager, ray: InProcessRay, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.plan(job_id, {})
    started = len(ray.actors)
    monkeypatch.setattr(probing, "FRESH_S", 0.0)
    manager.plan(job_id, {})
    assert len(ray.actors) == started + 2


def test_a_session_with_other_threads_is_predicted_with_these(
    manager: JobManager, job_id: str
) -> None:
    manager.initialize(job_id, {})
    assert {d["threads"] for d in manager.get_plan(job_id)["devices"]} == {1}
    manager.train(job_id, {"epochs": 1, "threads": 2})
    assert {d["threads"] for d in manager.get_plan(job_id)["devices"]} == {2}


def test_a_link_is_measured_with_the_wire_of_the_session(
    manager: JobManager, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def try_links(group: Any, edges: Any, question: Any, setting: str) -> dict[int, LinkProfile]:
        tried.extend(question.wire for _ in edges)
        return dict.fromkeys(edges, LinkProfile("actor_calls", 1e-3, 1e8))

    monkeypatch.setattr(probing, "try_links", try_links)
    manager.initialize(job_id, {})
    assert tried == ["fp32"]
    manager.train(job_id, {"epochs": 1})
    wait_until(lambda: not manager._book.get(job_id).is_active, 20.0, "the session did not end")
    manager.initialize(job_id, {})
    manager.train(job_id, {"epochs": 1, "wire": "int8"})
    assert tried == ["fp32", "int8"]
    assert {link.wire for link in manager._book.get(job_id).planning.links} == {"int8"}


@pytest.mark.parametrize("ask", ["plan", "initialize"])
@pytest.mark.parametrize("doing", ["facts", "probe", "throw_back"])
def test_a_device_that_is_lost_while_it_is_measured_is_named(
    manager: JobManager,
    ray: InProcessRay,
    job_id: str,
    monkeypatch: pytest.MonkeyPatch,
    ask: str,
    doing: str,
) -> None:
    def lose(actor: LayerActor, *_: Any) -> None:
        ray.lose(1)

    monkeypatch.setattr(LayerActor, doing, lose)
    with pytest.raises(ProbeFailed, match=r"device [12] .* was lost while"):
        getattr(manager, ask)(job_id, {})
    assert is_idle(manager, ray, job_id)


def test_the_layers_follow_the_plan_and_are_kept(manager: JobManager, job_id: str) -> None:
    manager.initialize(job_id, {"partition": {"1": [0, 1], "2": [1, 3]}})
    assert manager.get_job(job_id)["layers"] == {"1": [0, 1], "2": [1, 3]}
    told = manager.get_plan(job_id)
    assert told["partition"] == {"1": [0, 1], "2": [1, 3]} and told["measured"] is None


def test_a_refused_plan_leaves_the_job_as_it_was(
    manager: JobManager, ray: InProcessRay, job_id: str
) -> None:
    for options in ({"devices": {"1": {"max_memory_bytes": 10}}}, {"partition": {"1": [0, 3]}}):
        with pytest.raises(InvalidRequest):
            manager.initialize(job_id, options)
        assert is_idle(manager, ray, job_id)
