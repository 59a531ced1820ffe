"""The LayerActors of one generation: started and ended together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.channels.actor_calls import INLINE_ENVIRONMENT
from actors.channels.edge_ends import ChannelKind
from actors.copies.snapshot_keeper import HeldSnapshot
from actors.copies.snapshot_transport import PackedSnapshot, send, unpack
from actors.core.model.facts import model_facts
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import Position, StageSnapshot, TrainingState
from actors.core.stages.specs import SessionSpec, StageLabels, StageSpec
from actors.core.version import __version__
from actors.host.host_kind import HostKind
from actors.layer_actor import CONCURRENCY_GROUPS, LayerActor
from actors.log_lines import LogLine
from actors.loop.reports import Seen
from orchestrator.devices.placement import ResolvedDevice
from orchestrator.errors import END_JOB_MANAGER, DeviceStartFailed, VersionMismatch
from orchestrator.jobs.job import Device
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.sessions.recovery.rollback import Rollback, plan_rollback
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.starting.arrivals import NotArrived, wait_for_bytes
from orchestrator.sessions.starting.start_failure import too_slow, why_not_started
from orchestrator.sessions.starting.start_watch import StartStuck, StartWatch, ask_node

# Its types leave out the decorator's options.
_remote: Any = ray.remote

GPU_SHARE = 0.01  # enough for Ray to pick a GPU for the actor, little enough to share it
ABORT_S = 1.0


@dataclass(frozen=True)
class StagePlacement:
    """One stage: what it computes, for which registered device, on which node."""

    spec: StageSpec
    device: Device
    resolved: ResolvedDevice

    @property
    def label(self) -> str:
        """The name of this stage in errors."""
        return f"device {self.device.device_id} ({self.device.address})"


class StageGroup:
    """One LayerActor a stage; nothing outlives ``kill``."""

    def __init__(
        self,
        name: str,
        placements: Sequence[StagePlacement],
        actors: Sequence[Any],
        copies: SnapshotCopies,
        heartbeat_timeout_s: float = ManagerConfig.heartbeat_timeout_s,
    ) -> None:
        self.name = name
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._copies = copies
        self.placements = list(placements)
        self.actors = list(actors)
        self.hosts: dict[int, HostKind] = {}
        self.survivors: list[StagePlacement] = []
        self._given_up: set[int] = set()
        """Those that have answered ``rescue``."""
        self._watch = StartWatch(
            [p.resolved.node for p in placements],
            lambda node, stages: ask_node(node, [actors[stage] for stage in stages]),
        )

    @classmethod
    def start(
        cls,
        name: str,
        placements: Sequence[StagePlacement],
        state: TrainingState | None,
        timeout_s: float,
        copies: SnapshotCopies,
        channel: str = ManagerConfig.channel,
        heartbeat_timeout_s: float = ManagerConfig.heartbeat_timeout_s,
        given_up: Callable[[], bool] = lambda: False,
    ) -> StageGroup:
        """Starts and builds every stage, or none; without a ``state``, from the seed.

        ``copies`` keeps the snapshots of a stage that has no neighbour. Raises
        ``DeviceStartFailed`` naming the device that did not start within ``timeout_s``, or did not
        answer while its state was on the way, and ``GivenUp``.
        """
        group = cls.open(name, placements, timeout_s, copies, channel, heartbeat_timeout_s)
        try:
            group.build(placements, state, timeout_s, given_up)
        except BaseException:
            group.kill()
            raise
        return group

    @classmethod
    def open(
        cls,
        name: str,
        placements: Sequence[StagePlacement],
        timeout_s: float,
        copies: SnapshotCopies,
        channel: str = ManagerConfig.channel,
        heartbeat_timeout_s: float = ManagerConfig.heartbeat_timeout_s,
    ) -> StageGroup:
        """Starts a LayerActor on each of these devices, or none; the layers may still change.
        ``channel`` is the setting.

        Raises ``DeviceStartFailed``, ``VersionMismatch``.
        """
        nodes = {p.resolved.node.node_id for p in placements}
        by_calls = len(nodes) > 1 or channel == ChannelKind.ACTOR_CALLS.value
        actors = [_create_actor(name, p, by_calls) for p in placements]
        group = cls(name, placements, actors, copies, heartbeat_timeout_s)
        try:
            group._check_hosts(timeout_s)
        except BaseException:
            group.kill()
            raise
        return group

    def build(
        self,
        placements: Sequence[StagePlacement],
        state: TrainingState | None,
        timeout_s: float,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Gives each actor its stage; ``placements`` are the devices of ``open`` in their order."""
        self.placements = list(placements)
        pairs = list(zip(self.actors, self.placements, strict=True))
        if state is None:
            self._answers([actor.build.remote(p.spec, None) for actor, p in pairs], timeout_s)
        else:
            parts = [
                send(state.part(p.spec.model, p.spec.start, p.spec.end)) for p in self.placements
            ]
            builds = {i: actor.build.remote(p.spec, parts[i]) for i, (actor, p) in enumerate(pairs)}
            try:
                self.arrived(builds, sum(part.num_bytes for part in parts), given_up)
            except NotArrived as error:
                raise _start_failed(self.placements[error.stage], error.why) from error
        self._back_up(timeout_s)

    def arrived(
        self,
        refs: Mapping[int, Any],
        num_bytes: int,
        given_up: Callable[[], bool] = lambda: False,
    ) -> dict[int, Any]:
        """The actors' results by stage. ``num_bytes`` counts those of all, for the time that they
        need. Raises ``NotArrived`` if an actor stops answering, ``GivenUp``."""
        return wait_for_bytes(
            refs, num_bytes, self._silent_stages, self._heartbeat_timeout_s, given_up
        )

    def silent(self, timeout_s: float) -> list[StagePlacement]:
        """The stages whose actors don't answer within that time: they may have been idle long."""
        stages = range(len(self.actors))
        return [self.placements[i] for i in self._silent_stages(stages, timeout_s)]

    def _silent_stages(self, stages: Collection[int], timeout_s: float | None = None) -> list[int]:
        """All are polled, which an actor that trains wants for its lease."""
        ends = {actor.poll.remote(Seen()).future(): i for i, actor in self._answering()}
        limit_s = self._heartbeat_timeout_s if timeout_s is None else timeout_s
        done, _ = futures.wait(ends, limit_s)
        well = {ends[end] for end in done if end.exception() is None}
        return [i for i in stages if i not in well]

    def run(self, job_id: str, session: SessionSpec, threads: Sequence[int]) -> list[Any]:
        """Starts every stage's loop; returns a reference to each stage's end."""
        stages = zip(self.actors, self.placements, threads, strict=True)
        return [
            actor.run.remote(
                _with_threads(session, count),
                StageLabels(job_id, session.generation, p.device.device_id),
            )
            for actor, p, count in stages
        ]

    def request_stop(self, boundary: Boundary = Boundary.STEP) -> None:
        """Ends the run there; stage 0 informs the others through the channels."""
        self.actors[0].stop.remote(boundary)

    def request_checkpoint(self, boundary: Boundary) -> None:
        """Has the stages take a snapshot there that waits for ``fetch``."""
        self.actors[0].take_checkpoint.remote(boundary)

    @property
    def num_bytes(self) -> int:
        """The bytes of the whole state."""
        return state_bytes(self.placements[0].spec.model)

    def collect_state(self) -> TrainingState:
        """All stages, where their runs have ended; raises ``NotArrived``."""
        refs = {i: actor.state.remote() for i, actor in enumerate(self.actors)}
        parts = self.arrived(refs, self.num_bytes)
        return _state([parts[i] for i in sorted(parts)])

    def fetch(self, position: Position, given_up: Callable[[], bool]) -> TrainingState | None:
        """The stages' own snapshots of this position; None when one is no longer kept. Raises
        ``NotArrived``, ``GivenUp``."""
        pairs = zip(self.actors, self.placements, strict=True)
        refs = {i: a.snapshot.remote(p.spec.start, position) for i, (a, p) in enumerate(pairs)}
        parts = self.arrived(refs, self.num_bytes, given_up)
        return None if None in parts.values() else _state([parts[i] for i in sorted(parts)])

    def give_up(self, stage: int) -> None:
        """Its actor does not answer: it is not asked, nor waited for, any more."""
        self._given_up.add(stage)

    def rescue(self) -> TrainingState | None:
        """The newest state of which the actors that still answer have every stage; None when they
        have none together."""
        lost: set[int] = set()
        while True:
            held = {i: h for i, h in self._held().items() if i not in lost}
            plan = plan_rollback([(p.spec.start, p.spec.end) for p in self.placements], held)
            if plan is None:
                return None
            try:
                parts = self._held_parts(plan)
            except NotArrived as error:
                lost.add(plan.holders[error.stage])
                continue
            lost |= {plan.holders[i] for i, part in enumerate(parts) if part is None}
            if None not in parts:
                return TrainingState(tuple(part for part in parts if part is not None))

    def _held_parts(self, plan: Rollback) -> list[StageSnapshot | None]:
        """The parts by stage, from their holders; None if they are no longer kept. Raises
        ``NotArrived``."""
        starts = [p.spec.start for p in self.placements]
        refs = {
            i: self.actors[holder].snapshot.remote(starts[i], plan.position)
            for i, holder in enumerate(plan.holders)
            if holder >= 0
        }

        def silent(stages: Collection[int]) -> list[int]:
            lost = self._silent_stages({plan.holders[i] for i in stages})
            return [i for i in stages if plan.holders[i] in lost]

        came = wait_for_bytes(refs, self.num_bytes, silent, self._heartbeat_timeout_s)
        return [
            self._copies.get(self.name, starts[i], plan.position)
            if holder < 0
            else _unpacked(came[i])
            for i, holder in enumerate(plan.holders)
        ]

    def _held(self) -> dict[int, tuple[HeldSnapshot, ...]]:
        """By stage, the snapshots of its actor; by -1 those that the JobManager keeps for a lone
        stage."""
        ends = {actor.held.remote().future(): i for i, actor in self._answering()}
        done, _ = futures.wait(ends, self._heartbeat_timeout_s)
        held = {-1: self._copies.held(self.name)}
        held |= {ends[end]: end.result() for end in done if end.exception() is None}
        self.survivors = [p for i, p in enumerate(self.placements) if i in held]
        return held

    def _back_up(self, timeout_s: float) -> None:
        """Each stage's snapshots are copied to the next one, the last one's to the first."""
        if len(self.actors) > 1:
            keepers = enumerate(self.actors)
            asked = [self.actors[i - 1].copy_to.remote(keeper, i) for i, keeper in keepers]
        else:
            self._copies.open(self.name)
            manager = ray.get_runtime_context().current_actor
            asked = [self.actors[0].copy_to.remote(manager, None)]
        self._answers(asked, timeout_s)

    def kill(self) -> dict[int, tuple[LogLine, ...]]:
        """Closes the channels where an actor still answers, then ends every actor. Returns the last
        log lines of those that answered, by stage."""
        self._copies.close(self.name)
        aborts = {actor.abort.remote().future(): i for i, actor in self._answering()}
        done, _ = futures.wait(aborts, ABORT_S)
        for actor in self.actors:
            ray.kill(actor, no_restart=True)
        return {aborts[end]: end.result() for end in done if end.exception() is None}

    def _answering(self) -> list[tuple[int, Any]]:
        return [(i, a) for i, a in enumerate(self.actors) if i not in self._given_up]

    def _check_hosts(self, timeout_s: float) -> None:
        hosts = self._answers([actor.host.remote() for actor in self.actors], timeout_s)
        for host, placement in zip(hosts, self.placements, strict=True):
            self.hosts[placement.device.device_id] = host
            if host.tandem != __version__:
                raise VersionMismatch(
                    f"{placement.label} has Tandem {host.tandem}, the JobManager {__version__}: "
                    "install the same version on both, then end that JobManager with "
                    f"{END_JOB_MANAGER} and start the gateway again"
                )

    def get(self, ref: Any, timeout_s: float) -> Any:
        """Like ``ray.get``; raises ``DeviceStartFailed`` if a device of the group is lost in the
        meantime."""
        (end,) = self._wait([ref], timeout_s)
        if not end.done():
            raise ray.exceptions.GetTimeoutError(f"no answer within {timeout_s:.0f} s")
        return end.result()

    def _wait(self, refs: Sequence[Any], timeout_s: float) -> list[Future[Any]]:
        ends = [ref.future() for ref in refs]
        try:
            self._watch.wait(ends, timeout_s)
        except StartStuck as stuck:
            raise _start_failed(self.placements[stuck.stage], stuck.why) from stuck
        return ends

    def _answers(self, refs: Sequence[Any], timeout_s: float) -> list[Any]:
        """One of each actor; raises ``DeviceStartFailed``."""
        ends = self._wait(refs, timeout_s)
        late = [end for end in ends if not end.done()]
        for end, placement in zip(ends, self.placements, strict=True):
            error = None if end in late else end.exception()
            if error is not None:
                raise _start_failed(placement, why_not_started(error)) from error
        if late:
            raise _start_failed(self.placements[ends.index(late[0])], too_slow(timeout_s))
        return [end.result() for end in ends]


def _create_actor(group: str, placement: StagePlacement, by_calls: bool) -> Any:
    """``by_calls``: its messages are results of actor calls, most likely."""
    resource = placement.resolved.resource
    strategy = NodeAffinitySchedulingStrategy(placement.resolved.node.node_id, soft=False)
    return (
        _remote(concurrency_groups=CONCURRENCY_GROUPS)(LayerActor)
        .options(
            name=f"{group}-stage-{placement.spec.index}",
            num_cpus=0,
            num_gpus=GPU_SHARE if placement.resolved.node.num_gpus else 0,
            resources={resource: 1} if resource else {},
            scheduling_strategy=strategy,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": INLINE_ENVIRONMENT} if by_calls else {},
        )
        .remote(group)
    )


def _start_failed(placement: StagePlacement, why: str) -> DeviceStartFailed:
    failed = DeviceStartFailed(f"{placement.label} {why}")
    failed.device_id = placement.device.device_id
    return failed


def state_bytes(model: ModelSpec) -> int:
    """The bytes of all parameters and buffers, and of one optimiser value for each parameter."""
    return sum(2 * block.parameter_bytes + block.buffer_bytes for block in model_facts(model))


def _unpacked(part: PackedSnapshot | None) -> StageSnapshot | None:
    return None if part is None else unpack(part)


def _state(parts: Sequence[PackedSnapshot]) -> TrainingState:
    return TrainingState(tuple(unpack(part) for part in parts))


def _with_threads(session: SessionSpec, threads: int) -> SessionSpec:
    return SessionSpec(**{**vars(session), "threads": threads})
