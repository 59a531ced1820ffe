"""Spare devices are taken in where the planner predicts that this pays, and left where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.core.stages.profiles import LinkProfile
from orchestrator.devices.device_table import DeviceTable
from orchestrator.devices.placement import ClusterView, Node
from orchestrator.jobs.job import Device, Job, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.planning.job_planning import JobPlanning, MeasuredLink
from orchestrator.sessions.members import newcomers
from orchestrator.sessions.members.device_choice import Available, DeviceChoice, place, plan_stages
from orchestrator.sessions.members.newcomers import BetterPlan, Newcomers, better_plan
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup
from tests.support.in_process_ray import FIRST_PORT, GATEWAY_IP
from tests.support.job_manager_world import JobManagerWorld
from tests.support.job_records import make_job
from tests.support.jobs import wait_until
from tests.support.profiles import device

NODES = tuple(Node(f"node-{n}", GATEWAY_IP, 5000 + n, 1.0, frozenset()) for n in (1, 2))
CLUSTER = ClusterView(NODES, GATEWAY_IP, f"{GATEWAY_IP}:6379")
ONE, TWO = (Device(n, GATEWAY_IP, 5000 + n) for n in (1, 2))
WIDE, NARROW = 512, 16


@pytest.fixture
def book(tmp_path: Path) -> Iterator[JobBook]:
    book = JobBook(tmp_path, "the test")
    yield book
    book.store.close()


def offered(book: JobBook, job: Job, planning: JobPlanning) -> BetterPlan | None:
    """The offer to a job that trains on device 1, after device 2 was registered."""
    in_force = place(job, CLUSTER)
    job.stages, job.planning = plan_stages(in_force), planning
    job.sessions = [Session(1, TrainOptions(), num_microbatches=4, first_epoch_index=0)]
    job.devices.append(TWO)
    choice = DeviceChoice(lambda: CLUSTER, DeviceTable(), book)
    return better_plan(choice, job, choice.obtainable(job), in_force)


def training_alone(width: int) -> Job:
    return make_job("1", ONE, num_layers=4, width=width)


def measured(*weights_per_s: float, link: LinkProfile | None = None) -> JobPlanning:
    """The measurements of device 1, then those of device 2."""
    profiles = {n: device(n, speed).profile for n, speed in enumerate(weights_per_s, start=1)}
    links = () if link is None else (MeasuredLink(1, 2, link),)
    return JobPlanning(profiles=profiles, links=links)


@pytest.mark.parametrize("speeds", [(1e9, 1e9), (1e9,)], ids=["measured", "never measured"])
def test_an_equal_device_is_taken_in_where_the_layers_are_wide(
    book: JobBook, speeds: tuple[float, ...]
) -> None:
    better = offered(book, training_alone(WIDE), measured(*speeds))
    assert better is not None and 1.1 <= better.speedup < 2
    assert [p.device for p in better.placements] == [ONE, TWO]
    assert better.placements[0].spec.end == better.placements[1].spec.start


def test_an_equal_device_is_left_a_spare_where_messages_take_longer_than_layers(
    book: JobBook,
) -> None:
    assert offered(book, training_alone(NARROW), measured(1e9, 1e9)) is None


def test_a_slow_device_is_left_a_spare(book: JobBook) -> None:
    assert offered(book, training_alone(WIDE), measured(1e9, 1e7)) is None


def test_a_device_behind_a_slow_link_is_left_a_spare(book: JobBook) -> None:
    link = LinkProfile("actor_calls", latency_s=0.5, bytes_per_s=1e6)
    assert offered(book, training_alone(WIDE), measured(1e9, 1e9, link=link)) is None


def test_spares_that_do_not_pay_are_weighed_again_where_something_has_changed_only(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[int] = []

    def weigh(
        choice: DeviceChoice, job: Job, available: Sequence[Available], in_force: Any
    ) -> BetterPlan | None:
        weighed.append(len(available))
        return better_plan(choice, job, available, in_force)

    monkeypatch.setattr(newcomers, "LOOK_INTERVAL_S", 0.0)
    monkeypatch.setattr(newcomers, "better_plan", weigh)
    job = training_alone(NARROW)
    cluster = [CLUSTER]
    choice = DeviceChoice(lambda: cluster[0], DeviceTable(), book)
    assert offered(book, job, measured(1e9, 1e9)) is None  # device 2 is a spare from here on
    spares = Newcomers(choice, book, job)
    group = StageGroup("group", place(job, CLUSTER)[:1], [], SnapshotCopies())

    def looks() -> list[int]:
        """How many devices were considered, while the session looks three times."""
        weighed.clear()
        for _ in range(3):
            spares.look(group)
        return list(weighed)

    assert (looks(), looks()) == ([2], [])
    cluster[0] = replace(CLUSTER, nodes=NODES[:1])
    assert looks() == [1]
    cluster[0] = replace(CLUSTER, nodes=(NODES[0], replace(NODES[1], node_id="back again")))
    assert looks() == [2]
    job.planning = measured(1e9, 2e9)
    assert (looks(), looks()) == ([2], [])
    group.placements = place(job, CLUSTER)
    assert (looks(), looks()) == ([2], [])
    spares.close()


def test_a_device_registered_while_a_job_trains_gets_layers_at_an_epochs_end() -> None:
    world = JobManagerWorld(2, look_interval_s=0.1)
    try:
        manager = world.manager
        model = {"layer_sizes": [64, 1024, 1024, 1024, 10]}
        job_id = manager.create_job(model, {"name": "digits", "batch_size": 256})
        manager.register_device(GATEWAY_IP, FIRST_PORT, job_id)
        manager.initialize(job_id)
        manager.train(job_id, {"epochs": 100_000, "num_microbatches": 4})
        manager.register_device(GATEWAY_IP, FIRST_PORT + 1, job_id)
        wait_until(lambda: not manager.get_job(job_id)["spares"], 30, "it is a spare still")
        (event,) = manager.list_events(job_id)["events"]
        assert event["kind"] == "replanning" and "2 devices should be 1." in event["text"]
    finally:
        world.close()
