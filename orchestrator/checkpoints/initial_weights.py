"""Weights that jobs begin with, where they were given: copies, so that no job depends on a file, or
on another job, that may change or go.

They are kept by their content: jobs that begin with the same weights share them.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import safetensors.torch

from actors.core.progress.snapshots import Tensors
from orchestrator.checkpoints.storage import Storage
from orchestrator.errors import CheckpointDamaged
from orchestrator.models.trained_model import safetensors_file

FOLDER = "initial_weights"
_SUFFIX = ".safetensors"


class InitialWeightsStore:
    """Any thread may read and write. All methods raise ``StorageUnavailable``."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._being_added: list[str] = []

    @contextmanager
    def kept(self, weights: Tensors) -> Iterator[str]:
        """Saves them; their name. They stay at least as long as the block lasts."""
        parts = safetensors_file({name: t.detach().numpy() for name, t in weights.items()})
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        name = digest.hexdigest()
        with self._lock:
            self._being_added.append(name)
        try:
            if f"{name}{_SUFFIX}" not in self._storage.list(FOLDER):
                self._storage.write(_path(name), parts)
            yield name
        finally:
            with self._lock:
                self._being_added.remove(name)

    def load(self, name: str) -> Tensors:
        """Each tensor has memory of its own. Raises ``CheckpointDamaged``."""
        path = f"{self._storage.describe()}/{_path(name)}"
        try:
            data = self._storage.read(_path(name))
        except FileNotFoundError:
            raise CheckpointDamaged(
                f"{path} is missing, but a job begins with it: restore it from a copy, or "
                "create the job again"
            ) from None
        if hashlib.sha256(data).hexdigest() != name:
            raise CheckpointDamaged(
                f"{path} is damaged: its checksum is wrong. Restore it from a copy, or create the "
                "job again"
            )
        return {key: tensor.clone() for key, tensor in safetensors.torch.load(data).items()}

    def keep_only(self, used: Callable[[], Collection[str]]) -> None:
        """Deletes those that no job begins with any more: ``used`` names those that one does. It is
        asked while none is on its way from being added to being used."""
        with self._lock:
            wanted = {f"{name}{_SUFFIX}" for name in (*used(), *self._being_added)}
            for file in self._storage.list(FOLDER):
                if file not in wanted:
                    self._storage.delete(f"{FOLDER}/{file}")


def _path(name: str) -> str:
    return f"{FOLDER}/{name}{_SUFFIX}"
