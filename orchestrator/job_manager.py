"""The JobManager: owns every job, its devices, its sessions. A plain class, wrapped late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from actors.copies.snapshot_transport import SentSnapshot
from actors.core.version import __version__
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.initial_weights import InitialWeightsStore
from orchestrator.checkpoints.storage import LocalStorage
from orchestrator.data.dataset_desk import DatasetDesk
from orchestrator.data.datasets import DatasetStore
from orchestrator.data.source_tasks import SourceTasks
from orchestrator.devices.device_table import DeviceTable
from orchestrator.doctor.doctor import Doctor
from orchestrator.doctor.facts import FolderFacts
from orchestrator.doctor.folders import check_folder
from orchestrator.errors import InvalidRequest, StorageUnavailable
from orchestrator.followers.start import start_followers
from orchestrator.jobs.failure_policy import parse_checkpoint_policy, parse_failure_policy
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.jobs.job_plans import steps_of
from orchestrator.jobs.job_reader import JobReader
from orchestrator.jobs.job_spec import check_train_options, decided_options, parse_job_spec
from orchestrator.jobs.train_options import parse_plan_options, parse_train_options
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.models.weights_source import GivenWeights
from orchestrator.observing.log_reader import LogReader
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.observing.trace_desk import TraceDesk
from orchestrator.planning.partition import parse_plan_request
from orchestrator.proof.proof_desk import ProofDesk
from orchestrator.sessions.measuring.plan_desk import PlanDesk, check_request
from orchestrator.sessions.members.device_choice import place
from orchestrator.sessions.members.device_desk import ClusterReader, DeviceDesk
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.session_desk import DeskServices, SessionDesk
from orchestrator.sessions.session_spec import new_session
from orchestrator.sessions.starting.prepared_groups import PreparedGroups
from orchestrator.store.requests.idempotent_calls import IdempotentCalls
from orchestrator.uploads.upload_store import UploadStore


class JobManager(JobReader, LogReader, IdempotentCalls):
    """Every public method is one REST call; many run at once.

    The book's lock guards the records and is never held during a wait, not even for a disk.
    ``Job.busy`` keeps a second operation away from a job in the meantime. The write that can fail
    comes before what can't be undone: if the storage refuses an operation, nothing has changed.
    """

    def __init__(self, config: ManagerConfig) -> None:
        """Takes up again what was training when an earlier JobManager ended."""
        self._config = config
        self._table = DeviceTable()
        self._copies = SnapshotCopies()
        context = ray.get_runtime_context()
        node_id, ray_address = context.get_node_id(), context.gcs_address
        self._cluster = ClusterReader(node_id, ray_address).read
        self._doctor = Doctor(node_id, ray_address)
        storage = Path(config.storage_path)
        book = JobBook(storage, f"the JobManager of the cluster at {ray_address}")
        checkpoints = LocalStorage(storage / "checkpoints")
        tasks = SourceTasks(config.folders, node_id, config.data_memory_bytes)
        datasets = DatasetStore(config.folders, tasks)
        logs = ProcessLogs(storage / "logs")
        uploads = DatasetDesk(UploadStore(config.uploads), tasks, book)
        JobReader.__init__(self, book, CheckpointStore(checkpoints), datasets, uploads)
        LogReader.__init__(self, book, logs)
        IdempotentCalls.__init__(self, book.store)
        self._initial = InitialWeightsStore(checkpoints)
        self._given_weights = GivenWeights(
            self._initial,
            config.folders,
            self._models.weights,
            lambda job_id: self._book.get(job_id).spec,
        )
        self._plans = PlanDesk(config, self._copies, self._table, self._initial)
        self._prepared = PreparedGroups(self._plans, self._book, self._table, self._datasets)
        services = DeskServices(
            config,
            self._book,
            self._table,
            self._checkpoints,
            self._datasets,
            self._copies,
            self._initial,
            self._cluster,
            self._logs,
        )
        self._desk = SessionDesk(services)
        self._proofs = ProofDesk(services, node_id)
        self._traces = TraceDesk(self._desk.group_of, config.heartbeat_timeout_s)
        moved_off, release = self._desk.moved_off, self._prepared.release
        self._devices = DeviceDesk(services, self._exclusive, moved_off, release)
        self._devices.settle()
        self._table.hold_again(self._book.all())
        for job in self._book.all():
            self._desk.take_up(job)
        start_followers(config, self._book, lambda job_id: self.get_job(job_id, history_limit=1))

    def describe(self) -> dict[str, Any]:
        """Version and settings; an answer also shows a gateway that the actor is alive. ``notes``
        are sentences for its owner."""
        return {
            "version": __version__,
            "config": asdict(self._config),
            "nodes": len(self._cluster().nodes),
            "notes": self._book.store.notes,
        }

    def doctor(self, storage: FolderFacts) -> dict[str, Any]:
        """Whether the cluster is fit to train; ``storage`` is the gateway's own. Takes up to half
        a minute; raises ``Conflict`` while another one is under way."""
        with self._lock:
            training = [job.job_id for job in self._book.all() if job.is_active]
        data = check_folder("data_dir", Path(self._config.data_dir))
        strangers: list[str] = []
        with suppress(StorageUnavailable):  # the findings about the folders say it themselves
            strangers = self.list_strangers()
        return self._doctor.check([storage, data], training, strangers)

    def create_job(
        self,
        model_config: dict[str, Any],
        dataset_config: dict[str, Any],
        task: str | dict[str, Any] | None = None,
        train_config: dict[str, Any] | None = None,
        failure_policy: dict[str, Any] | None = None,
        checkpoints: dict[str, Any] | None = None,
    ) -> str:
        """Raises ``InvalidRequest``, ``DatasetUnavailable``, ``StorageUnavailable``."""
        policies = parse_failure_policy(failure_policy), parse_checkpoint_policy(checkpoints)

        def make(job_id: str) -> Job:
            job = Job(job_id, spec)
            job.failure_policy, job.checkpoint_policy = policies
            return job

        try:
            parsed = parse_job_spec(
                model_config,
                dataset_config,
                self._datasets.find,
                train_config,
                task,
                self._uploads.configs(),
            )
            with self._given_weights.kept_for(parsed, model_config.get("initial_weights")) as spec:
                job_id = self._book.add(make).job_id
        except (InvalidRequest, StorageUnavailable):
            self._keep_used_data()  # not what was read to judge the request
            raise
        self._datasets.start_loading(spec.source)
        return job_id

    def delete_job(self, job_id: str, force: bool = False) -> None:
        """Raises ``JobNotFound``, ``IllegalTransition`` while it trains and not ``force``."""
        if (broken := self._book.find_broken(job_id)) is not None:
            self._book.delete(job_id)
            self._book.forget(job_id)
            self._tidy(job_id, broken.record.identity)
            return
        event = Event.FORCE_DELETE if force else Event.DELETE
        if force:
            self._proofs.verifications.cancel(job_id)
        with self._exclusive(job_id, "being deleted", event) as job:
            self._book.delete(job_id)
            try:
                self._desk.abandon(job_id)
                self._prepared.release(job_id)
            finally:
                self._book.forget(job_id)
        self._tidy(job_id, job.identity)

    def add_dataset(self, name: str, replace: bool, **arrived: Any) -> dict[str, Any]:
        """Reads an upload whose files are there, and returns what was understood. See
        ``DatasetDesk.add``."""
        return self._uploads.add(name, replace_it=replace, **arrived)

    def delete_dataset(self, name: str, force: bool = False) -> None:
        """Deletes an uploaded data set. Raises ``DatasetNotFound``, and ``Conflict`` if a job needs
        it."""
        self._uploads.delete(name, force)

    def list_devices(self) -> list[dict[str, Any]]:
        """The devices of live nodes and the registered ones; waits at most 5 s for reports."""
        return self._devices.list()

    def register_device(self, ip: str, port: int, job_id: str, replaces: int | None = None) -> int:
        """The device's id, from 1 in the job; ``replaces`` is the id of a device that has come back
        as this one. Raises ``JobNotFound``, ``NodeNotFound``, ``DeviceAlreadyRegistered``, …"""
        if replaces is not None:
            return self._devices.move(job_id, replaces, ip, port)
        return self._devices.register(ip, port, job_id)

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        """If the job trains, its layers first move off the device, which may take minutes. Raises
        ``DeviceNotFound``, ``AmbiguousDevice``, ``IllegalTransition`` for a job's only device."""
        self._devices.unregister(port, ip, job_id)

    def initialize(self, job_id: str, options: dict[str, Any] | None = None) -> None:
        """Measures devices, allocates layers, starts the LayerActors and draws the weights; takes
        seconds. ``options`` has ``partition`` and ``devices``, where they were sent."""
        request = parse_plan_request(options)
        with self._exclusive(job_id, "being initialized", Event.INITIALIZE) as job:
            placements = place(job, self._cluster())
            check_request(job, placements, request)
            before = job.lineage.folders
            self._prepared.start(job, placements, request)
        with suppress(StorageUnavailable):
            self._checkpoints.delete_sessions(job.identity, before)

    def plan(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """The plan that initialize and train would make of these options; leaves nothing running.
        Raises ``InvalidRequest``, ``IllegalTransition``, ``DeviceBusy``, ``ProbeFailed``, …"""
        request = parse_plan_request(options)
        with self._exclusive(job_id, "being planned") as job:
            placements = place(job, self._cluster())
            check_request(job, placements, request)
            wanted = parse_plan_options(job.spec.config.train, options)
            check_train_options(wanted, job.spec)
            group = self._prepared.get(job_id)
            return self._plans.preview(job, placements, group, request, wanted)

    def verify(self, job_id: str, steps: int | None = None) -> dict[str, Any]:
        """Trains the job's first steps again without a pipeline, and compares; changes nothing.
        Raises ``IllegalTransition``, ``NoTrainedWeights``, ``InvalidRequest``, ``DeviceBusy``, …"""
        with (
            self._proofs.verifications.begun(job_id) as under_way,
            self._exclusive(job_id, "being verified") as job,
        ):
            return self._proofs.verify(under_way, job, steps)

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """Starts a session in the background; raises ``InvalidRequest``, ``DeviceBusy``,
        ``DatasetChanged``, …"""
        with self._exclusive(job_id, "being started") as job:
            if job.status in (Status.CREATED, Status.FAILED):
                raise InvalidRequest("Network must be initialized before training")
            job.check(Event.TRAIN)
            num_train = self._datasets.get_for(job).num_train
            asked = parse_train_options(job.spec.config.train, options)
            check_train_options(asked, job.spec)
            group = self._prepared.get(job_id)
            planned = copy(job)  # what is measured now counts once it is saved
            planned.planning = self._plans.for_session(job, group, asked)
            steps = steps_of(planned, asked)
            asked = decided_options(asked, job.spec, num_train, **vars(steps.pipelining))
            started = {"epochs": asked.epochs, "learning_rate": asked.recipe.learning_rate}
            session = new_session(job, asked, steps.pipelining.num_microbatches)
            prepared = group if steps.keeps_split else None
            with (
                self._table.given(job_id, job.devices),
                self._desk.entered(job, session, prepared) as begin,
            ):
                with self._book.changing(job, result=started) as (draft,):
                    draft.planning = planned.planning
                    draft.num_sessions = session.index
                    draft.sessions.append(session)
                    draft.apply(Event.TRAIN)
                self._prepared.hand_over(job_id, prepared)
                begin()
        return started

    def stop_job(self, job_id: str) -> dict[str, Any]:
        """Asks a training job to stop at its next step; a stopped job stays stopped. A JobManager
        that takes the job up stops it too, unless the stop could not be written to any disk."""
        with self._lock:
            job = self._book.get(job_id)
            if job.status is not Status.STOPPED:
                job.check(Event.STOP)
                self._desk.stop(job)
            answer = {"status": job.status.value}
        self._book.try_save(job)
        self._book.settle(job)
        return answer

    def resume_job(self, job_id: str) -> dict[str, Any]:
        """Goes on with the session that was stopped or has failed, on the devices there are now;
        one that trains, stays so. Raises ``DatasetChanged``, …"""
        with self._exclusive(job_id, "being resumed") as job:
            if not job.is_active:
                job.check(Event.RESUME)
                if job.data is not None:
                    self._datasets.get_for(job)
                return self._desk.resume(job)
            return {"status": job.status.value}

    def trace(self, job_id: str, steps: int) -> dict[str, Any]:
        """What the devices do in the next steps, as a Chrome trace; waits for these. Raises
        ``IllegalTransition`` if the job does not train, ``Conflict``, ``Unavailable``."""
        return self._traces.trace(self._book.get(job_id), steps)

    def save_for_end(self) -> list[dict[str, Any]]:
        """Runs before this process ends. It does not wait; another call returns the progress."""
        return self._desk.save_for_end()

    def keep_copy(self, group: str, sent: SentSnapshot) -> None:
        """A stage that trains alone has no neighbour to keep its snapshots."""
        self._copies.keep(group, sent)

    @contextmanager
    def _exclusive(
        self, job_id: str, doing: str, event: Event | None = None, missing: str = "Job not found"
    ) -> Iterator[Job]:
        """Keeps other long operations off the job, and refuses what its status forbids."""
        with self._lock:
            job = self._book.get(job_id, missing)
            job.check_idle()
            if event is not None:
                job.check(event)
            job.busy = doing
        try:
            yield job
        finally:
            with self._lock:
                job.busy = None

    def _tidy(self, job_id: str, identity: str) -> None:
        """After the job was deleted."""
        self._logs.forget(job_id)
        self._keep_used_data()
        with suppress(StorageUnavailable):  # what is left there belongs to no job any more
            self._checkpoints.delete_job(identity)
        self._given_weights.forget_unused(self._book)

    def _keep_used_data(self) -> None:
        self._datasets.keep_only(job.spec.source for job in self._book.all())
