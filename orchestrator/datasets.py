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


class DatasetStore:
    """Loads on the gateway's own node, in a task, and keeps the references."""

    def __init__(self, data_dir: Path, node_id: str) -> None:
        self._data_dir = data_dir
        self._node_id = node_id
        self._stored: dict[DatasetKey, StoredDataset] = {}
        self._lock = threading.Lock()

    def get(self, key: DatasetKey) -> StoredDataset:
        """The data set, loaded if need be; raises ``DatasetUnavailable``."""
        with self._lock:
            if key not in self._stored:
                self._stored[key] = self._load(key)
            return self._stored[key]

    def keep_only(self, keys: set[DatasetKey]) -> None:
        """Drops what no job uses any more."""
        with self._lock:
            self._stored = {key: data for key, data in self._stored.items() if key in keys}

    def _load(self, key: DatasetKey) -> StoredDataset:
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        task = ray.remote(_load_arrays).options(
            num_cpus=0, num_returns=5, max_retries=0, scheduling_strategy=strategy
        )
        *arrays, counts = task.remote(key, self._data_dir)
        try:
            num_train, num_val = ray.get(counts, timeout=LOAD_TIMEOUT_S)
        except ray.exceptions.GetTimeoutError as error:
            ray.cancel(counts, force=True)
            raise DatasetUnavailable(
                f"The data set {key.name} was not loaded within {LOAD_TIMEOUT_S:.0f} s"
            ) from error
        except ray.exceptions.RayTaskError as error:
            raise DatasetUnavailable(str(error.cause)) from error
        except ray.exceptions.RayError as error:
            raise DatasetUnavailable(f"Loading {key.name} failed: {error}") from error
        return StoredDataset(*arrays, num_train=num_train, num_val=num_val)


def _load_arrays(key: DatasetKey, data_dir: Path) -> tuple[Any, ...]:
    data = load_dataset(key.name, data_dir, key.resize)
    counts = (len(data.train.labels), len(data.val.labels))
    arrays = (data.train.images, data.train.labels, data.val.images, data.val.labels)
    return (*(np.ascontiguousarray(array) for array in arrays), counts)
