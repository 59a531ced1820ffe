"""Verifies a job's training on request: gathers what is on record, has it replayed, judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from actors.core.progress.snapshots import Cursor, Position, Tensors
from actors.core.stages.replay import LayerThreads
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.errors import (
    AmbiguousDevice,
    IllegalTransition,
    NodeNotFound,
    NotFound,
    StorageUnavailable,
)
from orchestrator.jobs.job import Device, Job, Session, UnsavedState
from orchestrator.models.weights_source import first_state
from orchestrator.proof.bit_equality import given_up_before
from orchestrator.proof.judgement import Evidence, Place, judge
from orchestrator.proof.recorded import (
    MAX_STEPS,
    Claim,
    KeptAt,
    RecordedSession,
    claim_of,
)
from orchestrator.proof.replays import ReplayPlace, Verification, Verifications
from orchestrator.sessions.session_desk import DeskServices
from orchestrator.sessions.session_spec import session_spec


@dataclass(frozen=True)
class _Kept:
    """The weights to compare, or why they can't be read."""

    weights: Tensors | None = None
    unreadable: str | None = None


class ProofDesk:
    """Serves all jobs; any thread may ask, for a job that nobody changes in the meantime."""

    def __init__(self, services: DeskServices, own_node_id: str) -> None:
        """If none of a job's devices answers, it is replayed on ``own_node_id``."""
        self._services = services
        self._own_node_id = own_node_id
        self.verifications = Verifications()

    def verify(self, under_way: Verification, job: Job, steps: int | None) -> dict[str, Any]:
        """The answer of ``POST /api/jobs/<job_id>/verify``.

        Raises ``IllegalTransition`` while the job trains, ``DeviceBusy``, ``NoTrainedWeights``,
        ``DatasetChanged``, ``InvalidRequest``, ``ReplayFailed``, ``StorageUnavailable``.
        """
        if job.is_active:
            raise IllegalTransition(
                f"Job {job.job_id} is {job.status.value}, and its devices must not be disturbed: "
                f"verify it when the session has ended, or stop it with POST "
                f"/api/jobs/{job.job_id}/stop"
            )
        recorded = self._services.book.log.steps(job.job_id, (), MAX_STEPS)
        if not recorded:
            claim_of(job.job_id, job.spec.model, [], [], [], None)
        data = self._services.datasets.get_for(job)
        sessions = [self._recorded(job, session, data) for session in job.sessions]
        unsaved = job.unsaved  # the storage may recover in the meantime
        kept = self._kept(job, sessions, unsaved)
        model = job.spec.model
        claim = claim_of(job.job_id, model, sessions, recorded, kept, steps)
        initial = first_state(job.spec, self._services.initial)
        with self._place(job) as place:
            timeout_s = self._services.config.actor_start_timeout_s
            packed = under_way.replay(place, claim.plan, data, initial, timeout_s)
        own = self._weights(job, claim, unsaved)
        where = Place(place.label, asdict(packed.host), packed.seconds)
        return judge(Evidence(claim, packed.unpack(), own.weights, own.unreadable, where))

    def _recorded(self, job: Job, session: Session, data: StoredDataset) -> RecordedSession:
        spec = session_spec(job, session, data, self._services.config, Cursor())
        return RecordedSession(
            session.index,
            spec,
            tuple(session.computed),
            _last_cut(job, session),
            tuple(given_up_before(spec.recipe.wire, session.differences)),
        )

    def _kept(
        self, job: Job, sessions: Sequence[RecordedSession], unsaved: UnsavedState | None
    ) -> list[KeptAt]:
        lengths = {session.index: session.spec.length for session in sessions}

        def at(session: int, position: Position, checkpoint_id: str | None) -> KeptAt:
            step = lengths[session].at(*position) if session in lengths else 0
            return KeptAt(session, step, checkpoint_id)

        infos = self._services.checkpoints.list(job.lineage)
        found = [at(i.about.session, i.cursor.position, i.checkpoint_id) for i in infos]
        if unsaved is not None:
            found.append(at(unsaved.session, unsaved.state.cursor.position, None))
        return found

    def _weights(self, job: Job, claim: Claim, unsaved: UnsavedState | None) -> _Kept:
        if claim.kept is None:
            return _Kept()
        if claim.kept.checkpoint_id is None:
            assert unsaved is not None, "no other weights are without a checkpoint"
            return _Kept(unsaved.state.weights)
        try:
            loaded = self._services.checkpoints.load(job.lineage, claim.kept.checkpoint_id)
        except (StorageUnavailable, NotFound) as error:
            return _Kept(unreadable=error.message)
        return _Kept(loaded.state.weights)

    @contextmanager
    def _place(self, job: Job) -> Iterator[ReplayPlace]:
        """The job's first device that answers, which is held during the block; the JobManager's own
        node if there is none."""
        found = next(self._places(job), None)
        if found is None:
            yield ReplayPlace(self._own_node_id, "the gateway's host")
            return
        device, place = found
        with self._services.table.lent(job.job_id, [device]):
            yield place

    def _places(self, job: Job) -> Iterator[tuple[Device, ReplayPlace]]:
        cluster = self._services.cluster()
        for device in job.devices:
            try:
                node = cluster.resolve(device.ip, device.port).node
            except (NodeNotFound, AmbiguousDevice):
                continue
            yield device, ReplayPlace(node.node_id, f"device {device.device_id} ({device.address})")


def _last_cut(job: Job, session: Session) -> tuple[LayerThreads, ...]:
    """By the plan in force and the session's threads; if that does not fit, by the threads alone if
    they are the same everywhere."""
    if all(stage.device_id in session.threads for stage in job.stages) and job.stages:
        return tuple(LayerThreads(s.start, s.end, session.threads[s.device_id]) for s in job.stages)
    counts = set(session.threads.values())
    if len(counts) == 1:
        return (LayerThreads(0, job.spec.num_blocks, counts.pop()),)
    return ()
