"""Puts each data set into the object store once, for every job that uses it."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.datasets import dataset_files, fetch_dataset, load_dataset, place_of
from actors.core.errors import error_text
from actors.core.idx_files import file_signature
from orchestrator.data_identity import DataIdentity, check_same
from orchestrator.errors import DatasetUnavailable
from orchestrator.job import Job
from orchestrator.job_spec import JobSpec, check_batch_size

LOAD_TIMEOUT_S = 600.0


Signature = tuple[tuple[int, ...] | None, ...]
"""Of a data set's files: another one once a file was replaced or changed."""


@dataclass(frozen=True)
class StoredDataset:
    """References to uint8 images ``[n, features]`` and int64 labels ``[n]`` in the object store."""

    train_images: Any
    train_labels: Any
    val_images: Any
    val_labels: Any
    num_train: int
    num_val: int
    fingerprint: str = ""

    @property
    def identity(self) -> DataIdentity:
        """By which a job knows its data again."""
        return DataIdentity(self.num_train, self.num_val, self.fingerprint)


@dataclass(frozen=True)
class DatasetKey:
    """What makes two jobs use the same arrays."""

    name: str
    resize: tuple[int, int] | None

    @classmethod
    def of(cls, spec: JobSpec) -> DatasetKey:
        """The arrays that the job uses."""
        return cls(spec.dataset, spec.resize)


@dataclass(frozen=True)
class _Facts:
    """Of the arrays, and of the files that they were read from."""

    identity: DataIdentity
    signature: Signature


@dataclass(eq=False)
class _Loading:
    """A load under way: references to the four arrays, and to their facts; ``signature`` is None
    until it is done."""

    arrays: list[Any]
    facts: Any
    signature: Signature | None = None


class DatasetStore:
    """Loads on the gateway's own node, in a task, and keeps the references until the files change.

    A session that has begun keeps what it has."""

    def __init__(self, data_dir: Path, node_id: str) -> None:
        self._data_dir = data_dir
        self._node_id = node_id
        self._loading: dict[DatasetKey, _Loading] = {}
        self._lock = threading.Lock()

    def start_loading(self, key: DatasetKey) -> None:
        """Starts to load unless that was done already, from files as they are now; returns at
        once."""
        self._current(key)

    def get(self, key: DatasetKey) -> StoredDataset:
        """The data set, loaded if need be; raises ``DatasetUnavailable``."""
        loading = self._current(key)
        try:
            facts: _Facts = ray.get(loading.facts, timeout=LOAD_TIMEOUT_S)
        except ray.exceptions.RayError as error:
            if isinstance(error, ray.exceptions.GetTimeoutError):
                # Only then: Ray 2.60 ends this process when it cancels a task that has just failed.
                ray.cancel(loading.facts, force=True)
            self._forget(key, loading)
            raise _unavailable(key, error) from error
        loading.signature = facts.signature
        return StoredDataset(*loading.arrays, **asdict(facts.identity))

    def get_for(self, job: Job) -> StoredDataset:
        """The same for a job that may be trained already; raises ``DatasetChanged`` when that was
        on other samples, ``InvalidRequest`` when they are fewer than a batch."""
        stored = self.get(DatasetKey.of(job.spec))
        if job.data is not None:
            place = place_of(job.spec.dataset, self._data_dir)
            check_same(job.job_id, job.data, stored.identity, place)
        check_batch_size(job.spec, stored.num_train)
        return stored

    def keep_only(self, keys: set[DatasetKey]) -> None:
        """Drops what no job uses any more."""
        with self._lock:
            self._loading = {key: data for key, data in self._loading.items() if key in keys}

    def _current(self, key: DatasetKey) -> _Loading:
        """The load of the files as they are now, or of those before if it is still under way."""
        signature = _signature(key, self._data_dir)
        with self._lock:
            loading = self._loading.get(key)
            if loading is None or loading.signature not in (None, signature):
                loading = self._loading[key] = self._submit(key)
            return loading

    def _submit(self, key: DatasetKey) -> _Loading:
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        # Its process has some 200 MB, with which it would wait for more tasks.
        task: Any = ray.remote(max_calls=1)(_load_arrays).options(
            num_cpus=0,
            num_returns=5,
            max_retries=0,
            scheduling_strategy=strategy,
        )
        *arrays, facts = tuple(task.remote(key, self._data_dir))
        return _Loading(arrays, facts)

    def _forget(self, key: DatasetKey, loading: _Loading) -> None:
        """So that the next job tries again."""
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]


def _unavailable(key: DatasetKey, error: Exception) -> DatasetUnavailable:
    if isinstance(error, ray.exceptions.GetTimeoutError):
        return DatasetUnavailable(f"{key.name} was not loaded within {LOAD_TIMEOUT_S:.0f} s")
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, DatasetUnavailable):
        return cause
    kind = type(cause).__name__
    return DatasetUnavailable(f"{key.name} could not be loaded: {kind}: {error_text(cause)}")


def _load_arrays(key: DatasetKey, data_dir: Path) -> tuple[Any, ...]:
    fetch_dataset(key.name, data_dir)
    signature = _signature(key, data_dir)  # before they are read: what changes since is noticed
    data = load_dataset(key.name, data_dir, key.resize)
    identity = DataIdentity(len(data.train.labels), len(data.val.labels), data.fingerprint)
    arrays = (data.train.images, data.train.labels, data.val.images, data.val.labels)
    return (*(np.ascontiguousarray(array) for array in arrays), _Facts(identity, signature))


def _signature(key: DatasetKey, data_dir: Path) -> Signature:
    return tuple(file_signature(path) for path in dataset_files(key.name, data_dir))
