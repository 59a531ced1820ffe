"""The real JobManager, its sessions and LayerActors under orders, losses and restarts in any order.

Only Ray is another one, in threads of this process. What the machine expects, it knows from the
documents and the table of moves; what it sees, it sees as the API shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.core.errors import TandemError
from orchestrator.errors import (
    DeviceAlreadyRegistered,
    DeviceBusy,
    DeviceNotFound,
    IllegalTransition,
    InvalidRequest,
    JobNotFound,
    NodeNotFound,
)
from orchestrator.job_manager import JobManager
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_lifecycle import TRANSITIONS, Event, Status
from tests.support.in_process_ray import FIRST_PORT, GATEWAY_IP, Actor, node_id_of
from tests.support.job_manager_world import JobManagerWorld

NUM_NODES = 4
SETTLE_S = 60.0
FOR_EVER = 100_000
ACTIVE = (Status.TRAINING, Status.RECOVERING)
MOVES = {(before, after) for (before, _), after in TRANSITIONS.items()}

NO_JOB = 9
picks = st.integers(0, NO_JOB)
nodes = st.integers(0, NUM_NODES - 1)


@dataclass
class Expected:
    """What a job should be like; ``devices`` are nodes by device id."""

    num_layers: int
    max_failures: int
    min_devices: int
    status: Status = Status.CREATED
    devices: dict[int, int] = field(default_factory=dict)
    next_device_id: int = 1
    is_unfinished: bool = False
    num_failures: int = 0
    epochs: int = 0
    prepared: Sequence[Actor] = ()

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


class LifecycleMachine(RuleBasedStateMachine):
    """Up to three jobs at once on four nodes; the JobManager's own never fails."""

    def __init__(self) -> None:
        super().__init__()
        self.world = JobManagerWorld(NUM_NODES)
        self.ray = self.world.ray
        self.moves: list[tuple[Status, Status]] = []
        self.spy = pytest.MonkeyPatch()
        self.spy.setattr(Job, "apply", _noting(self.moves))
        self.jobs: dict[str, Expected] = {}
        self.last_job = 0
        self.num_teraflops = 0

    def teardown(self) -> None:
        self.world.close()
        self.spy.undo()

    @property
    def manager(self) -> JobManager:
        return self.world.manager

    @initialize(devices=st.lists(st.sets(nodes, min_size=1, max_size=3), min_size=1, max_size=2))
    def begin_with_jobs(self, devices: list[set[int]]) -> None:
        for pick, chosen in enumerate(devices):
            self.create(layers=3, failures=100, least=1)
            for node in sorted(chosen):
                self.register(pick, node)
            self.initialize_job(pick)
            self.train(pick, FOR_EVER)

    # Orders

    @rule(layers=st.integers(1, 3), failures=st.sampled_from([0, 100]), least=st.integers(1, 2))
    def create(self, layers: int, failures: int, least: int) -> None:
        if len(self.jobs) == 3:
            return
        model = {"layer_sizes": [64, *[8] * (layers - 1), 10], "seed": layers}
        policy = {"max_failures": failures, "min_devices": least, "max_lost_steps": 5}
        data = {"name": "digits", "batch_size": 64}
        policies = {"failure_policy": policy, "checkpoints": {"interval_s": 0.2}}
        job_id = self.manager.create_job(model, data, **policies)
        assert int(job_id) > self.last_job
        self.last_job = int(job_id)
        self.jobs[job_id] = Expected(layers, failures, least)

    @rule(pick=picks, node=nodes)
    def register(self, pick: int, node: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif node in job.devices.values():
            error = DeviceAlreadyRegistered
        elif node in self.ray.lost:
            error = NodeNotFound
        elif not job.is_active and len(job.devices) >= job.num_layers:
            error = InvalidRequest
        port = FIRST_PORT + node
        device_id = self.order(
            error, lambda: self.manager.register_device("localhost", port, job_id)
        )
        if job is not None and error is None:
            assert device_id == job.next_device_id
            job.devices[device_id] = node
            job.next_device_id += 1
            job.status = TRANSITIONS[job.status, Event.CHANGE_DEVICES]
            job.prepared = ()

    @rule(pick=picks, node=nodes)
    def unregister(self, pick: int, node: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif node not in job.devices.values():
            error = DeviceNotFound
        elif job.is_active and len(job.devices) <= job.min_devices:
            error = IllegalTransition
        port = FIRST_PORT + node
        self.order(error, lambda: self.manager.unregister_device(port, job_id=job_id))
        if job is not None and error is None:
            job.devices = {i: n for i, n in job.devices.items() if n != node}
            job.status = TRANSITIONS[job.status, Event.CHANGE_DEVICES]
            job.prepared = ()
            self.settle()

    @rule(pick=picks)
    def initialize_job(self, pick: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif job.is_active:
            error = IllegalTransition
        elif not job.devices:
            error = InvalidRequest
        elif self.ray.lost & set(job.devices.values()):
            error = NodeNotFound
        elif self.held_by_others(job_id) & set(job.devices.values()):
            error = DeviceBusy
        self.order(error, lambda: self.manager.initialize(job_id))
        if job is not None and error is None:
            job.status, job.is_unfinished = Status.INITIALIZED, False
            job.prepared = self.world.actors(job_id)

    @rule(pick=picks, epochs=st.sampled_from([1, FOR_EVER]))
    def train(self, pick: int, epochs: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif job.status in (Status.CREATED, Status.FAILED):
            error = InvalidRequest
        elif job.is_active:
            error = IllegalTransition
        elif self.held_by_others(job_id) & set(job.devices.values()):
            error = DeviceBusy
        self.order(error, lambda: self.manager.train(job_id, {"epochs": epochs, "threads": 1}))
        if job is not None and error is None:
            job.status, job.is_unfinished, job.epochs = Status.TRAINING, True, epochs
            job.num_failures = 0
            if not all(actor.is_alive for actor in job.prepared):
                self.fail(job)
            job.prepared = ()
            self.settle()

    @rule(pick=picks)
    def stop(self, pick: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif not job.is_active and job.status is not Status.STOPPED:
            error = IllegalTransition
        self.order(error, lambda: self.manager.stop_job(job_id))
        if job is not None and error is None:
            job.status = Status.STOPPED
            self.settle()

    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif not job.is_active:
            if (job.status, Event.RESUME) not in TRANSITIONS or not job.is_unfinished:
                error = IllegalTransition
            elif not job.devices:
                error = InvalidRequest
        self.order(error, lambda: self.manager.resume_job(job_id))
        if job is not None and error is None and not job.is_active:
            job.status, job.num_failures = Status.RECOVERING, 0
            self.settle()

    @rule(pick=picks, force=st.booleans())
    def delete(self, pick: int, force: bool) -> None:
        job_id, job = self.pick(pick)
        error: type[TandemError] | None = None
        if job is None:
            error = JobNotFound
        elif job.is_active and not force:
            error = IllegalTransition
        self.order(error, lambda: self.manager.delete_job(job_id, force))
        if error is None:
            del self.jobs[job_id]
            assert not self.world.actors(job_id)
            self.settle()

    # Blows

    @rule(pick=picks, stage=picks)
    def lose_layer_actor(self, pick: int, stage: int) -> None:
        job_id, job = self.pick(pick)
        if job is None or not job.is_active or not self.world.actors(job_id):
            return
        victims = self.world.actors(job_id)
        self.fail(job)
        victims[stage % len(victims)].end()
        self.settle()

    @rule(node=st.integers(1, NUM_NODES - 1))
    def lose_node(self, node: int) -> None:
        for job_id, job in self.jobs.items():
            used = {actor.node_id for actor in self.world.actors(job_id)}
            if job.is_active and node_id_of(node) in used:
                self.fail(job)
        self.ray.lose(node)
        self.settle()

    @rule(node=st.integers(1, NUM_NODES - 1))
    def bring_node_back(self, node: int) -> None:
        self.ray.bring_back(node)
        self.settle()

    @rule()
    def restart(self) -> None:
        """The JobManager's process ends: nothing of it is written any more, its actors go along."""
        self.settle()  # a job that waits looks after a while what for
        before = {job_id: self.world.shown(job_id) for job_id in self.jobs}
        teraflops = self.world.teraflops()
        self.world.restart()
        assert [job["job_id"] for job in self.manager.list_jobs()] == list(self.jobs)
        for job in self.jobs.values():
            job.prepared = ()
        self.settle()  # a session that was taken up finds out anew what it waits for
        self.world.assert_still(before)
        assert self.world.teraflops() == teraflops

    # What is seen

    def pick(self, pick: int) -> tuple[str, Expected | None]:
        """A job that there is, or one that there is not."""
        if pick == NO_JOB or not self.jobs:
            return str(self.last_job + 1), None
        job_id = list(self.jobs)[pick % len(self.jobs)]
        return job_id, self.jobs[job_id]

    def order(self, error: type[TandemError] | None, call: Callable[[], Any]) -> Any:
        """Its answer; an order that is refused changes nothing."""
        if error is None:
            return call()
        before = {job_id: self.world.shown(job_id) for job_id in self.jobs}
        with pytest.raises(error):
            call()
        self.world.assert_still(before)
        return None

    def held_by_others(self, job_id: str) -> set[int]:
        """Nodes."""
        return {node for node, holder in self.world.holders().items() if holder != job_id}

    def available(self, job_id: str) -> set[int]:
        """The nodes that the job could train on."""
        nodes = set(self.jobs[job_id].devices.values())
        return nodes - self.ray.lost - self.held_by_others(job_id)

    def missing(self, job_id: str) -> list[str]:
        """What a job waits for that has too few devices."""
        job, available = self.jobs[job_id], self.available(job_id)
        absent = [node for node in job.devices.values() if node not in available]
        short = job.min_devices - len(available) - len(absent)
        return [f"{GATEWAY_IP}:{FIRST_PORT + n}" for n in absent] + ["a further device"] * short

    def fail(self, job: Expected) -> None:
        job.num_failures += 1
        if job.num_failures > job.max_failures:
            job.status = Status.FAILED

    # What must be

    def settle(self) -> None:
        """Waits until every job trains, waits for devices it lacks, or has come to its end."""
        for job_id, job in self.jobs.items():
            deadline = time.monotonic() + SETTLE_S
            while not self.is_settled(job_id, job):
                assert time.monotonic() < deadline, (job, self.manager.get_job(job_id))
                time.sleep(0.005)

    def is_settled(self, job_id: str, job: Expected) -> bool:
        details = self.manager.get_job(job_id)
        status = Status(details["status"])
        if not job.is_active:
            return status is job.status and not self.world.has_a_session(job_id)
        if status is Status.COMPLETED and job.epochs == 1:
            job.status, job.is_unfinished = status, False
            return False
        assert status is not Status.FAILED, (job, details)
        recovery = details["recovery"] or {"num_failures": 0, "waiting_for": []}
        if status not in ACTIVE or recovery["num_failures"] != job.num_failures:
            return False
        if len(self.available(job_id)) < job.min_devices:
            job.status = Status.RECOVERING
            return status is job.status and recovery["waiting_for"] == self.missing(job_id)
        trains = self.world.trains(job_id)
        job.status = Status.TRAINING if trains else job.status
        return trains and job.epochs == FOR_EVER

    @invariant()
    def every_job_is_as_expected(self) -> None:
        for job_id, job in self.jobs.items():
            shown = self.manager.get_job(job_id)
            assert shown["status"] == job.status.value
            registered = {d["device_id"]: d["port"] for d in shown["registered_devices"]}
            assert registered == {i: FIRST_PORT + node for i, node in job.devices.items()}
            layers, spares = {int(i) for i in shown["layers"]}, set(shown["spares"])
            assert len(layers) <= job.num_layers and layers <= set(registered)
            assert spares == (set(registered) - layers if job.is_active else set())

    @invariant()
    def every_move_is_one_of_the_table(self) -> None:
        assert set(self.moves) <= MOVES

    @invariant()
    def a_device_has_layers_of_one_job_alone(self) -> None:
        holders = self.world.holders()
        for node, job_id in holders.items():
            assert node in self.jobs[job_id].devices.values()
        for job_id in self.jobs:
            for actor in self.world.actors(job_id):
                assert holders[int(actor.node_id, 16)] == job_id

    @invariant()
    def teraflops_of_earlier_sessions_stay(self) -> None:
        now = len(self.world.teraflops())
        assert now >= self.num_teraflops  # a session that is resumed replaces its own entry
        self.num_teraflops = now


def _noting(moves: list[tuple[Status, Status]]) -> Any:
    """``Job.apply`` that takes down every move."""
    apply = Job.apply

    def noted(job: Job, event: Event) -> None:
        before = job.status
        apply(job, event)
        moves.append((before, job.status))

    return noted


TestLifecycle = LifecycleMachine.TestCase
TestLifecycle.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
