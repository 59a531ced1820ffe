"""The JobManager: owns every job, its devices, its sessions. A plain class, wrapped late."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from actors.core.datasets import count_train_samples
from actors.core.errors import TandemError
from actors.core.specs import StageSpec
from actors.core.stage import Weights
from actors.core.version import __version__
from orchestrator import device_registry
from orchestrator.bit_equality import differences
from orchestrator.datasets import DatasetKey, DatasetStore, StoredDataset
from orchestrator.device_list import Registrations, list_devices
from orchestrator.device_table import DeviceTable
from orchestrator.doctor.doctor import Doctor
from orchestrator.doctor.facts import Folder
from orchestrator.doctor.folders import check_folder
from orchestrator.errors import (
    IllegalTransition,
    InvalidRequest,
    JobNotFound,
    NoTrainedWeights,
    NoTrainingSessions,
)
from orchestrator.job import Job, Session
from orchestrator.job_lifecycle import Event, Status
from orchestrator.job_runner import SessionOutcome
from orchestrator.job_spec import (
    JobSpec,
    TrainOptions,
    check_batch_size,
    check_num_microbatches,
    default_num_microbatches,
    parse_job_spec,
)
from orchestrator.manager_config import ManagerConfig
from orchestrator.metrics import device_tflops
from orchestrator.model_io import model_file, predict
from orchestrator.node_probe import NodeProbes
from orchestrator.partition import split_evenly
from orchestrator.placement import ClusterView, parse_nodes
from orchestrator.session_driver import (
    drive_session,
    empty_progress,
    resolve_threads,
)
from orchestrator.stage_group import StageGroup, StagePlacement

logger = logging.getLogger(__name__)


class JobManager:
    """Every public method is one REST call; many run at once.

    One lock guards the records and is never held while something is waited for; ``Job.busy``
    keeps a second long operation off a job meanwhile.
    """

    def __init__(self, config: ManagerConfig) -> None:
        self._config = config
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._num_created = 0
        self._table = DeviceTable()
        self._groups: dict[str, StageGroup] = {}
        self._teraflops: list[dict[str, dict[str, float]]] = []
        self._probes = NodeProbes()
        context = ray.get_runtime_context()
        self._node_id = context.get_node_id()
        self._ray_address = context.gcs_address
        self._datasets = DatasetStore(Path(config.data_dir), self._node_id)
        self._doctor = Doctor(self._node_id, self._ray_address)

    def describe(self) -> dict[str, Any]:
        """Version and settings; also what tells a gateway that the actor answers."""
        nodes = len(self._cluster().nodes)
        return {"version": __version__, "config": asdict(self._config), "nodes": nodes}

    def doctor(self, storage: Folder) -> dict[str, Any]:
        """Whether the cluster is fit to train; ``storage`` is the gateway's own. Takes up to half
        a minute; raises ``Conflict`` while another one is under way."""
        with self._lock:
            jobs = self._jobs.values()
            training = [job.job_id for job in jobs if job.status is Status.TRAINING]
        data = check_folder("data_dir", Path(self._config.data_dir))
        return self._doctor.check([storage, data], training)

    # Jobs

    def create_job(self, model_config: dict[str, Any], dataset_config: dict[str, Any]) -> str:
        """Raises ``InvalidRequest``."""
        num_train = None
        if isinstance(dataset_config.get("name"), str):
            num_train = count_train_samples(dataset_config["name"], Path(self._config.data_dir))
        spec = parse_job_spec(model_config, dataset_config, num_train)
        with self._lock:
            self._num_created += 1
            job_id = str(self._num_created)
            self._jobs[job_id] = Job(job_id, model_config, dataset_config, spec)
        return job_id

    def list_jobs(self) -> list[dict[str, Any]]:
        """The jobs not deleted, oldest first."""
        with self._lock:
            return [job.summary() for job in self._jobs.values()]

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Raises ``JobNotFound``."""
        with self._lock:
            return self._job(job_id).details()

    def delete_job(self, job_id: str) -> None:
        """Raises ``JobNotFound``, ``IllegalTransition`` while it trains."""
        with self._exclusive(job_id, "being deleted", Event.DELETE):
            self._release(job_id)
            with self._lock:
                del self._jobs[job_id]
                keys = {_dataset_key(job) for job in self._jobs.values()}
        self._datasets.keep_only(keys)

    # Devices

    def list_devices(self) -> list[dict[str, Any]]:
        """What live nodes offer, and what is registered; waits 5 s at most for nodes to tell."""
        cluster = self._cluster()
        probed = self._probes.results([node.node_id for node in cluster.nodes])
        with self._lock:
            jobs = device_registry.jobs_by_device(self._jobs.values())
            registrations = Registrations(jobs, self._table.holders())
        return list_devices(cluster, registrations, probed)

    def register_device(self, ip: str, port: int, job_id: str) -> int:
        """Raises ``JobNotFound``, ``NodeNotFound``, ``DeviceAlreadyRegistered``, …"""
        cluster = self._cluster()
        with self._exclusive(
            job_id, "changing its devices", Event.CHANGE_DEVICES, "Invalid job ID"
        ) as job:
            device = device_registry.new_device(job, cluster, ip, port)
            self._release(job_id)
            with self._lock:
                device_registry.add(job, device)
            return device.device_id

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        """Raises ``DeviceNotFound``, ``AmbiguousDevice``, ``IllegalTransition`` while training."""
        cluster = self._cluster()
        with ExitStack() as held:
            with self._lock:  # all jobs, or none
                if job_id is not None:
                    self._job(job_id)
                found = device_registry.find(self._jobs.values(), cluster, port, ip, job_id)
                for job in found:
                    doing = self._exclusive(
                        job.job_id, "changing its devices", Event.CHANGE_DEVICES
                    )
                    held.enter_context(doing)
            for job, device in found.items():
                self._release(job.job_id)
                with self._lock:
                    device_registry.remove(job, device)

    # Training

    def initialize(self, job_id: str) -> None:
        """Allocates layers, starts the LayerActors and draws the weights; takes seconds."""
        with self._exclusive(job_id, "being initialized", Event.INITIALIZE) as job:
            if not job.devices:
                raise InvalidRequest("No devices registered")
            self._datasets.start_loading(_dataset_key(job))
            plan = split_evenly(job.spec.network.num_layers, len(job.devices))
            placements = self._place(job, plan.ranges)
            with self._lock:
                self._table.hold(job_id, job.devices)
            self._end_group(job_id)
            try:
                group = self._start_group(job, placements, fresh=True)
                self._check_data(job, group)
            except Exception:
                self._fall_back(job)
                raise
            with self._lock:
                job.reset_training()
                job.plan = plan
                self._groups[job_id] = group
                job.apply(Event.INITIALIZE)

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """Starts a session in the background; raises ``InvalidRequest``, ``DeviceBusy``, …"""
        asked = TrainOptions(**options)
        with self._lock:
            job = self._job(job_id)
            _check_idle(job)
            if job.status in (Status.CREATED, Status.FAILED):
                raise InvalidRequest("Network must be initialized before training")
            job.check(Event.TRAIN)
            check_num_microbatches(asked, job.spec)
            self._table.hold(job_id, job.devices)
            session = self._new_session(job, asked)
            job.apply(Event.TRAIN)
        name = f"train-job-{job_id}"
        threading.Thread(
            target=self._run_session, args=(job, session), name=name, daemon=True
        ).start()
        return {"epochs": asked.epochs, "learning_rate": asked.learning_rate}

    def stop_job(self, job_id: str) -> dict[str, Any]:
        """Asks a training job to stop at its next step."""
        with self._lock:
            job = self._job(job_id)
            job.check(Event.STOP)
            job.sessions[-1].stop_requested = True
            if job_id in self._groups:
                self._groups[job_id].request_stop()
            return {"status": job.status.value}

    # Results

    def get_model(self, job_id: str) -> bytes:
        """A safetensors file; raises ``NoTrainedWeights``."""
        return model_file(*self._trained(job_id))

    def predict(self, job_id: str, inputs: list[list[float]]) -> dict[str, Any]:
        """Raises ``NoTrainedWeights``, ``InvalidRequest`` for a wrong shape."""
        return predict(*self._trained(job_id), inputs)

    def previous_teraflops(self) -> list[dict[str, dict[str, float]]]:
        """Raises ``NoTrainingSessions`` before the first has ended."""
        with self._lock:
            if not self._teraflops:
                raise NoTrainingSessions("No previous training sessions found")
            return list(self._teraflops)

    # Inside

    def _job(self, job_id: str, message: str = "Job not found") -> Job:
        if job_id not in self._jobs:
            raise JobNotFound(message)
        return self._jobs[job_id]

    def _trained(self, job_id: str) -> tuple[JobSpec, Weights]:
        with self._lock:
            job = self._job(job_id)
            if job.weights is None:
                raise NoTrainedWeights(
                    f"Job {job_id} is {job.status.value} and has no trained weights yet: train it "
                    f"first with POST /api/network/train/{job_id}"
                )
            return job.spec, job.weights

    @contextmanager
    def _exclusive(
        self, job_id: str, doing: str, event: Event, missing: str = "Job not found"
    ) -> Iterator[Job]:
        """Keeps other long operations off the job, and refuses what its status forbids."""
        with self._lock:
            job = self._job(job_id, missing)
            _check_idle(job)
            job.check(event)
            job.busy = doing
        try:
            yield job
        finally:
            with self._lock:
                job.busy = None

    def _new_session(self, job: Job, options: TrainOptions) -> Session:
        num_microbatches = options.num_microbatches or default_num_microbatches(
            job.spec.batch_size, len(job.devices)
        )
        job.num_sessions += 1
        session = Session(job.num_sessions, options, num_microbatches, job.epochs_begun)
        session.progress = empty_progress(options.epochs)
        job.sessions.append(session)
        return session

    def _run_session(self, job: Job, session: Session) -> None:
        try:
            outcome = self._drive(job, session)
        except TandemError as error:
            self._end_session(job, Event.FAIL, _setter(job, error.message))
        except Exception as error:
            logger.exception("job %s failed", job.job_id)
            self._end_session(job, Event.FAIL, _setter(job, f"{type(error).__name__}: {error}"))
        else:
            event = Event.COMPLETE if outcome.completed else Event.STOP
            self._end_session(job, event, lambda: self._keep(job, session, outcome))

    def _drive(self, job: Job, session: Session) -> SessionOutcome:
        data: StoredDataset = self._datasets.get(_dataset_key(job))
        group = self._groups.get(job.job_id)
        if group is None:
            assert job.plan is not None
            group = self._start_group(job, self._place(job, job.plan.ranges), fresh=False)
        with self._lock:
            self._groups[job.job_id] = group
            session.threads = resolve_threads(group, session.options.threads)
            session.differences = differences(group.hosts, session.threads)
            if session.stop_requested:
                group.request_stop()
        return drive_session(job, session, group, data, self._config, self._update)

    def _update(self, change: Callable[[], None]) -> None:
        with self._lock:
            change()

    def _keep(self, job: Job, session: Session, outcome: SessionOutcome) -> None:
        job.weights = outcome.weights
        job.epochs_begun += outcome.reports[0].progress.epoch
        reports = zip(job.devices, outcome.reports, strict=True)
        if outcome.reports[0].forward_flops:
            self._teraflops.append({str(d.device_id): device_tflops(r) for d, r in reports})

    def _end_session(self, job: Job, event: Event, record: Callable[[], None]) -> None:
        """Leaves no actor behind, then frees the devices, then says how it ended."""
        self._end_group(job.job_id)
        with self._lock:
            self._table.release(job.job_id)
            job.apply(event)
            record()

    def _place(self, job: Job, ranges: Any) -> list[StagePlacement]:
        cluster = self._cluster()
        placements = []
        for index, (device, layers) in enumerate(zip(job.devices, ranges, strict=True)):
            spec = StageSpec(job.spec.network, index, len(job.devices), layers.start, layers.end)
            resolved = cluster.resolve(device.ip, device.port)
            placements.append(StagePlacement(spec, device, resolved))
        return placements

    def _start_group(self, job: Job, placements: list[StagePlacement], fresh: bool) -> StageGroup:
        job.generation += 1
        name = f"job-{job.job_id}-generation-{job.generation}"
        weights = None if fresh else job.weights
        return StageGroup.start(name, placements, weights, self._config.actor_start_timeout_s)

    def _check_data(self, job: Job, group: StageGroup) -> None:
        """Loaded while the actors started; without it they end again."""
        try:
            check_batch_size(job.spec, self._datasets.get(_dataset_key(job)).num_train)
        except TandemError:
            group.kill()
            raise

    def _fall_back(self, job: Job) -> None:
        """After an initialize that could not start: nothing is held, old weights are kept."""
        with self._lock:
            self._table.release(job.job_id)
            if job.status is Status.INITIALIZED:
                job.apply(Event.CHANGE_DEVICES)

    def _release(self, job_id: str) -> None:
        self._end_group(job_id)
        with self._lock:
            self._table.release(job_id)

    def _end_group(self, job_id: str) -> None:
        with self._lock:
            group = self._groups.pop(job_id, None)
        if group is not None:
            group.kill()

    def _cluster(self) -> ClusterView:
        nodes = parse_nodes(ray.nodes())
        own_ip = next(node.ip for node in nodes if node.node_id == self._node_id)
        return ClusterView(tuple(nodes), own_ip, self._ray_address)


def _check_idle(job: Job) -> None:
    if job.busy is not None:
        raise IllegalTransition(f"Job {job.job_id} is {job.busy}: wait until that is done")


def _setter(job: Job, error: str) -> Callable[[], None]:
    return lambda: setattr(job, "error", error)


def _dataset_key(job: Job) -> DatasetKey:
    return DatasetKey(job.spec.dataset, job.spec.resize)
