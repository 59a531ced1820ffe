"""Takes a session to its end, through as many generations of LayerActors as that needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ray

from actors.core.errors import TandemError
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import Cursor, TrainingState
from actors.loop.reports import StageReport
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.errors import DeviceStartFailed, StageFailure
from orchestrator.jobs.failure_policy import why_give_up
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.proof.bit_equality import differences, given_up, given_up_before, note_generation
from orchestrator.sessions.edges import connect
from orchestrator.sessions.measuring.layer_split import tried_kinds
from orchestrator.sessions.members.device_choice import DeviceChoice, plan_stages
from orchestrator.sessions.members.newcomers import Newcomers
from orchestrator.sessions.members.shortage import shortage
from orchestrator.sessions.recovery.checkpointer import Checkpointer
from orchestrator.sessions.recovery.group_failure import GivenUp, GroupFailure, Suspect, cause_text
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.session_log import SessionLog
from orchestrator.sessions.session_spec import computed_layers, resolve_threads, session_spec
from orchestrator.sessions.session_watch import GenerationOutcome, SessionWatch
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from orchestrator.sessions.starting.stage_data import DataDelivery
from orchestrator.store.log.entries import PLAN, NewEntry

DRAIN_TIMEOUT_S = 170.0
OWN_SHORTAGE_S = 5.0
"""Then another try; there is no device to do without."""


@dataclass(frozen=True)
class Ending:
    """How a session ended, with its result; ``state`` is None if nothing was trained."""

    event: Event
    state: TrainingState | None
    error: str | None = None


@dataclass(frozen=True)
class RunnerServices:
    """What a runner needs from the JobManager."""

    config: ManagerConfig
    book: JobBook
    copies: SnapshotCopies
    load_data: Callable[[], StoredDataset]
    first_state: Callable[[], TrainingState | None]


class SessionRunner:
    """Runs in a thread of its own; other threads call ``stop`` and ``drain``."""

    def __init__(
        self,
        services: RunnerServices,
        job: Job,
        session: Session,
        choice: DeviceChoice,
        checkpointer: Checkpointer,
        log: SessionLog,
        prepared: StageGroup | None,
    ) -> None:
        """``prepared`` has drawn the weights already; it is used if it still lives."""
        self._services = services
        self._book = services.book
        self._job = job
        self._session = session
        self._choice = choice
        self._checkpointer = checkpointer
        self.log = log
        self._prepared = prepared
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._group: StageGroup | None = None
        self._placed = frozenset() if prepared is None else _devices(prepared.placements)
        """The devices that have layers, or are being given some."""
        self._ended = False
        self._abandoned = False
        self._newcomers = Newcomers(choice, services.book, job)

    def stop(self) -> None:
        """Ends the session at its next step, with its state."""
        self._stop.set()
        if (group := self._group) is not None:
            group.request_stop(Boundary.STEP)
        self._choice.wake()

    @property
    def group(self) -> StageGroup | None:
        """The LayerActors that train; None while a generation ends or starts."""
        return self._group

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop, or to keep nothing."""
        return self._stop.is_set()

    def drain(self, device_id: int) -> bool:
        """Moves the device's layers and optimiser state away, and gives it none any more; False
        when that takes longer."""
        with self._changed:
            self._choice.exclude(device_id)
            if self._group is not None and device_id in self._placed:
                self._group.request_stop(Boundary.STEP)
            self._choice.wake()
            return self._changed.wait_for(
                lambda: self._ended or device_id not in self._placed, DRAIN_TIMEOUT_S
            )

    def keep(self, device_id: int) -> None:
        """A device that was drained stays in the job after all."""
        self._choice.include(device_id)
        self._choice.wake()

    def abandon(self) -> None:
        """The job is being deleted: nothing is kept."""
        self._abandoned = True
        self._stop.set()
        self._choice.wake()
        if (group := self._group) is not None:
            group.kill()

    def run(self) -> Ending:
        """Trains to the end, even if devices fail."""
        try:
            return self._run()
        except TandemError as error:
            return Ending(Event.FAIL, None, error.message)
        finally:
            if self._prepared is not None:  # it was not used, for something failed before
                self._prepared.kill()
            self._newcomers.close()
            self._checkpointer.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _run(self) -> Ending:
        data = DataDelivery(self._load_data())
        state, prepared = None, self._prepared
        if prepared is None:
            state = self._checkpointer.load_start()
            self.log.begin(state)
        while True:
            group = None
            try:
                group = prepared or self._start_group(state)
                if group is None:
                    return self._stopped_waiting(state)
                outcome = self._train(group, state, data)
            except GivenUp:
                continue
            except GroupFailure as failure:
                if self._abandoned:
                    return Ending(Event.STOP, None)
                state = self._recover(group, failure, state)
                continue
            finally:
                prepared = self._prepared = None
                self._end_generation(group)
            state = outcome.state
            self._choice.just_seen(group.placements)
            if outcome.completed or self._stop.is_set():
                return self._end(outcome)

    def _load_data(self) -> StoredDataset:
        """Loads the job's data, with which it was trained since its first session; raises
        ``DatasetChanged``, …"""
        stored = self._services.load_data()
        with self._book.lock:
            self._job.data = stored.identity
        return stored

    def _stopped_waiting(self, state: TrainingState | None) -> Ending:
        if state is not None and not self._abandoned:
            self._checkpointer.save_last(state, finished=False)
        self._note_stop(state)
        return Ending(Event.STOP, state)

    def _end(self, outcome: GenerationOutcome) -> Ending:
        if self._abandoned:
            return Ending(Event.STOP, None)
        early = self.log.steps_done(outcome.state) < self._job.length.total
        if early or not outcome.completed:
            self._note_stop(outcome.state)
        if early and outcome.completed:
            self._note_early_end()
        self._checkpointer.save_last(outcome.state, finished=outcome.completed)
        return Ending(Event.COMPLETE if outcome.completed else Event.STOP, outcome.state)

    def _note_early_end(self) -> None:
        stopping = self._session.options.recipe.early_stopping
        assert stopping is not None, "nothing else ends a session early"
        index, times = self._session.index, stopping.patience
        self._book.note(
            self._job,
            "early_stopped",
            f"Session {index} ends early: {times} validations in a row brought no better "
            f"val_{stopping.metric}",
        )

    def _note_stop(self, state: TrainingState | None) -> None:
        session = self._session
        with self._book.lock:
            done = self.log.steps_done(state)
            session.computed = note_generation(session.computed, done, [])

    def _start_group(self, state: TrainingState | None) -> StageGroup | None:
        """Waits for devices; None if the session was stopped in the meantime."""
        placements = self._choose(state)
        if placements is None:
            return None
        job = self._job
        with self._book.lock:
            name = job.begin_generation()
            job.stages = plan_stages(placements)
            self._session.waiting_for = []
        self._book.try_save(job)
        config = self._services.config
        timeout_s = config.actor_start_timeout_s
        try:
            return StageGroup.start(
                name,
                placements,
                self._services.first_state() if state is None else state,
                timeout_s,
                self._services.copies,
                config.channel,
                config.heartbeat_timeout_s,
                self._is_unwanted,
            )
        except DeviceStartFailed as error:
            raise _without(error) from error
        except ray.exceptions.RayError as error:  # of this process: where the state is sent from
            self._stop.wait(OWN_SHORTAGE_S)
            why = shortage(error) or f"could not send the state: {cause_text(error)[:300]}"
            raise GroupFailure(f"the gateway's host {why}", can_recover=True) from error

    def _choose(self, state: TrainingState | None) -> list[StagePlacement] | None:
        """Places on devices of which none was taken out in the meantime; None if stopped."""
        while True:
            try:
                placements = self._choice.wait(self._job, self._session, self._stop)
            except StageFailure:
                if state is not None:
                    self._checkpointer.save_last(state, finished=False)
                raise
            if placements is None:
                return None
            with self._changed:
                devices = _devices(placements)
                if not self._choice.excluded & devices:
                    self._placed = devices
                    return placements

    def _is_unwanted(self) -> bool:
        """The generation that starts: the session was stopped, or a device is being taken out."""
        return self._stop.is_set() or bool(self._choice.excluded & self._placed)

    def _train(
        self, group: StageGroup, state: TrainingState | None, data: DataDelivery
    ) -> GenerationOutcome:
        cursor = Cursor() if state is None else state.cursor
        config = self._services.config
        spec = session_spec(self._job, self._session, data.stored, config, cursor)
        self._checkpointer.begin_generation()
        silent = group.silent(config.heartbeat_timeout_s)
        if silent:
            raise GroupFailure(f"{silent[0].label} does not answer any more", can_recover=True)
        try:
            tried = tried_kinds(self._job, group.placements)
            channels = connect(group, spec, config.channel, config.actor_start_timeout_s, tried)
        except DeviceStartFailed as error:
            raise _without(error) from error
        except (StageFailure, ray.exceptions.RayError) as error:
            raise GroupFailure(cause_text(error), can_recover=True) from error
        data.give(group, self._is_unwanted)
        self._going_on(group, channels, self.log.steps_done(state))
        threads = [self._session.threads[p.device.device_id] for p in group.placements]
        refs = group.run(self._job.job_id, spec, threads)
        watch = SessionWatch(
            group, refs, config.heartbeat_timeout_s, lambda r: self._publish(group, r)
        )
        return watch.wait()

    def _going_on(self, group: StageGroup, channels: list[str], first_step: int) -> None:
        job, session = self._job, self._session
        with self._book.lock:
            session.threads = resolve_threads(group, session.options.threads, job.planning)
            layers = computed_layers(group, session.threads)
            session.computed = note_generation(session.computed, first_step, layers)
            wire = session.options.recipe.wire
            before = given_up_before(wire, session.differences) if first_step else []
            rounded = before or given_up(wire, len(layers))
            session.differences = [*differences(session.computed), *rounded]
            session.channels = channels
            if job.status is Status.RECOVERING:
                job.apply(Event.RECOVER)
                devices = ", ".join(p.label for p in group.placements)
                self._book.note(job, "going_on", f"Training on {devices}")
            self._book.tell(job, _plan_entry(job, session), soon=False)
        self._book.try_save(job)
        with self._changed:
            self._group = group
            if self._is_unwanted():
                group.request_stop(Boundary.STEP)

    def _publish(self, group: StageGroup, reports: Sequence[StageReport]) -> None:
        self.log.take(group, reports)
        self._checkpointer.poll(group, reports, before_save=self.log.flush)
        self._newcomers.look(group)

    def _recover(
        self, group: StageGroup | None, failure: GroupFailure, began: TrainingState | None
    ) -> TrainingState | None:
        """The state to go on from, ``began`` is what the failed generation began with; raises
        ``StageFailure`` where that can't be."""
        job, session = self._job, self._session
        num_failures = session.num_failures + 1
        error = why_give_up(job.failure_policy, num_failures, failure.message)
        if not failure.can_recover:
            raise StageFailure(failure.message)
        if error is not None:
            state, _ = self._rescue(group, began)
            self.log.go_back(state)
            if state is not None:
                self._checkpointer.save_last(state, finished=False)
            raise StageFailure(error)
        with self._book.lock:
            session.num_failures, session.last_cause = num_failures, failure.message
            job.apply(Event.LOSE)
        if failure.suspect is not None:
            self._choice.suspects.add(failure.suspect)
        state, source = self._rescue(group, began)
        self._book.note(job, "lost", failure.message)
        lost = self.log.go_back(state, source)
        with self._book.lock:
            session.lost_steps += lost
        self._book.try_save(job)
        return state

    def _rescue(
        self, group: StageGroup | None, began: TrainingState | None
    ) -> tuple[TrainingState | None, str]:
        """The newest state there is."""
        state = None
        if group is not None:
            state = group.rescue()
            self._choice.just_seen(group.survivors)
        saved = self._checkpointer.settle()
        if state is not None and (saved is None or state.cursor.position >= saved):
            return state, "the devices' own snapshots"
        state = self._checkpointer.load_start()
        if began is not None and (state is None or state.cursor.position < began.cursor.position):
            return began, "where the devices that failed had begun"
        return state, "the last checkpoint" if state is not None else "the session's beginning"

    def _end_generation(self, group: StageGroup | None) -> None:
        self.log.end_generation()
        if group is not None:
            self.log.keep_lines(group, group.kill())
        with self._changed:
            self._group, self._placed = None, frozenset()
            self._changed.notify_all()


def _plan_entry(job: Job, session: Session) -> NewEntry:
    """By what the present generation trains."""
    layers = {str(stage.device_id): [stage.start, stage.end] for stage in job.stages}
    threads = {str(device_id): count for device_id, count in session.threads.items()}
    values = {"generation": job.generation, "layers": layers, "threads": threads}
    return NewEntry(PLAN, {**values, "channels": session.channels})


def _devices(placements: Sequence[StagePlacement]) -> frozenset[int]:
    return frozenset(p.device.device_id for p in placements)


def _without(error: DeviceStartFailed) -> GroupFailure:
    """Goes on with another generation, which leaves out the device that did not start for a
    while."""
    suspect = None if error.device_id is None else Suspect(error.device_id)
    return GroupFailure(error.message, can_recover=True, suspect=suspect)
