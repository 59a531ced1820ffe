"""Puts each data set into the object store once, for every job that uses it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.datasets import load_dataset
from orchestrator.errors import DatasetUnavailable
from orchestrator.job_spec import JobSpec

LOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class StoredDataset:
    """References to uint8 images ``[n, features]`` and int64 labels ``[n]`` in the object store."""

    train_images: Any
    train_labels: Any
    val_images: Any
    val_labels: Any
    num_train: int
    num_val: int


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
class _Loading:
    """A load under way: references to the four arrays, and to their counts."""

    arrays: list[Any]
    counts: Any


class DatasetStore:
    """Loads on the gateway's own node, in a task, and keeps the references."""

    def __init__(self, data_dir: Path, node_id: str) -> None:
        self._data_dir = data_dir
        self._node_id = node_id
        self._loading: dict[DatasetKey, _Loading] = {}
        self._lock = threading.Lock()

    def start_loading(self, key: DatasetKey) -> None:
        """Starts to load unless that was done already; returns at once."""
        with self._lock:
            if key not in self._loading:
                self._loading[key] = self._submit(key)

    def get(self, key: DatasetKey) -> StoredDataset:
        """The data set, loaded if need be; raises ``DatasetUnavailable``."""
        self.start_loading(key)
        with self._lock:
            loading = self._loading[key]
        try:
            num_train, num_val = ray.get(loading.counts, timeout=LOAD_TIMEOUT_S)
        except ray.exceptions.RayError as error:
            if isinstance(error, ray.exceptions.GetTimeoutError):
                # Only then: Ray 2.60 ends this process when it cancels a task that has just failed.
                ray.cancel(loading.counts, force=True)
            self._forget(key, loading)
            raise _unavailable(key, error) from error
        images, labels, val_images, val_labels = loading.arrays
        return StoredDataset(images, labels, val_images, val_labels, num_train, num_val)

    def keep_only(self, keys: set[DatasetKey]) -> None:
        """Drops what no job uses any more."""
        with self._lock:
            self._loading = {key: data for key, data in self._loading.items() if key in keys}

    def _submit(self, key: DatasetKey) -> _Loading:
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        # Its process has some 200 MB, with which it would wait for more tasks.
        task: Any = ray.remote(max_calls=1)(_load_arrays).options(
            num_cpus=0,
            num_returns=5,
            max_retries=0,
            scheduling_strategy=strategy,
        )
        *arrays, counts = tuple(task.remote(key, self._data_dir))
        return _Loading(arrays, counts)

    def _forget(self, key: DatasetKey, loading: _Loading) -> None:
        """So that the next job tries again."""
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]


def _unavailable(key: DatasetKey, error: Exception) -> DatasetUnavailable:
    if isinstance(error, ray.exceptions.GetTimeoutError):
        return DatasetUnavailable(f"{key.name} was not loaded within {LOAD_TIMEOUT_S:.0f} s")
    return DatasetUnavailable(str(getattr(error, "cause", error)))


def _load_arrays(key: DatasetKey, data_dir: Path) -> tuple[Any, ...]:
    data = load_dataset(key.name, data_dir, key.resize)
    counts = (len(data.train.labels), len(data.val.labels))
    arrays = (data.train.images, data.train.labels, data.val.images, data.val.labels)
    return (*(np.ascontiguousarray(array) for array in arrays), counts)
