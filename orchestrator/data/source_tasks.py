"""Reads data sets in tasks on the gateway's own node, and waits for them as long as bytes come."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import CallerError, Unavailable, error_text
from actors.core.folders import Folders
from actors.core.sources.download import downloaded_bytes
from actors.core.sources.inspection import inspected
from actors.core.sources.registry import (
    Signature,
    SourceSpec,
    arrays_key,
    facts_of_source,
    fetch_source,
    read_like,
    read_source,
    source_signature,
)
from actors.core.sources.source_facts import Found, SourceFacts
from orchestrator.data.data_memory import DataMemory
from orchestrator.data.load_wait import LoadStalled, wait_for_load
from orchestrator.data.stored_splits import StoredSplits, arrays_of, stored_splits
from orchestrator.errors import DatasetUnavailable
from orchestrator.models.suggestion import suggested_job

MAX_INSPECTIONS = 2
"""At a time: each may take as much memory as its data set."""
INSPECTION_WAIT_S = 120.0
MAX_SPLITS = 2


@dataclass(frozen=True)
class LoadedFacts:
    """Of the arrays, and of the files that they were read from. ``has_targets`` is False where
    targets lie in the inputs' arrays."""

    found: Found
    fingerprint: str
    files_fingerprint: str
    has_targets: bool
    signature: Signature


class SourceTasks:
    """Each task has a process of its own, which ends with it. ``memory_bytes`` is the setting;
    ``reading`` is how rows are read that don't fit into it."""

    def __init__(self, folders: Folders, node_id: str, memory_bytes: int | None) -> None:
        self._folders = folders
        self._node_id = node_id
        memory = _data_memory(memory_bytes, node_id)
        self._max_bytes, self.reading = memory.max_bytes, memory.reading(node_id)
        self._inspections = threading.BoundedSemaphore(MAX_INSPECTIONS)

    def load(self, key: SourceSpec) -> tuple[list[Any], Any]:
        """Starts to load the training and the validation samples: references to their arrays, as
        ``stored_splits`` takes them, and to ``LoadedFacts``."""
        *arrays, facts = self._start(_load_arrays, 3 * MAX_SPLITS + 1, key)
        return arrays, facts

    def load_like(self, spec: SourceSpec, known: SourceFacts) -> StoredSplits:
        """Other data, for a model that was trained on ``known``; nothing is kept of it but what the
        references keep. Raises ``DatasetUnavailable``, ``InvalidRequest``."""
        key = arrays_key(spec)
        *arrays, told = self._start(_load_like, 3 * MAX_SPLITS + 1, key, known)
        return StoredSplits(stored_splits(arrays, self.wait(key, told)), self.reading)

    def inspect(self, spec: SourceSpec) -> dict[str, Any]:
        """What it is, fit for JSON, and a job that would fit. Reads all of it, and keeps nothing;
        raises ``DatasetUnavailable``, ``InvalidRequest``, and ``Unavailable`` while too many are
        inspected."""
        if not self._inspections.acquire(timeout=INSPECTION_WAIT_S):
            raise Unavailable(
                f"{MAX_INSPECTIONS} data sets are being inspected, which is the limit: nothing was "
                "done about this one, try again later"
            )
        try:
            found: dict[str, Any] = self.wait(spec, self._start(_inspect, 1, spec))
        finally:
            self._inspections.release()
        return found

    def wait(self, spec: SourceSpec, reference: Any) -> Any:
        """The result of a task that reads this source. Raises ``DatasetUnavailable``, or what the
        source refused."""
        try:
            return wait_for_load(reference, partial(_bytes_here, spec, self._folders))
        except (ray.exceptions.RayError, LoadStalled) as error:
            if isinstance(error, LoadStalled):
                # Only then: Ray 2.60 ends this process when it cancels a task that has just failed.
                ray.cancel(reference, force=True)
            raise _unavailable(spec, error) from error

    def _start(self, function: Callable[..., Any], num_returns: int, *arguments: Any) -> Any:
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        # Its process has some 200 MB, with which it would wait for more tasks.
        task = ray.remote(max_calls=1)(function).options(
            num_cpus=0,
            num_returns=num_returns,
            max_retries=0,
            scheduling_strategy=strategy,
        )
        return task.remote(self._folders, self._max_bytes, *arguments)


def file_bytes(signature: Signature) -> int:
    """Of all its files."""
    return sum(found[1] for _, found in signature if found is not None)


def _data_memory(asked_bytes: int | None, node_id: str) -> DataMemory:
    """What data may take on that node."""
    own = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == node_id)
    store_bytes, cores = own.get("object_store_memory", 0.0), own.get("CPU", 1.0)
    return DataMemory.of(asked_bytes, int(store_bytes), int(cores))


def _load_arrays(folders: Folders, max_bytes: int, key: SourceSpec) -> tuple[Any, ...]:
    fetch_source(key, folders)
    # Before they are read: what changes since is noticed.
    signature = source_signature(key, folders)
    data = read_source(key, folders, max_bytes)
    has_targets = data.train.targets is not data.train.inputs
    fingerprints = (data.fingerprint, data.files_fingerprint)
    facts = LoadedFacts(data.found, *fingerprints, has_targets, signature)
    return (*arrays_of(data.train), *arrays_of(data.val), facts)


def _load_like(
    folders: Folders, max_bytes: int, key: SourceSpec, known: SourceFacts
) -> tuple[Any, ...]:
    """The arrays of ``MAX_SPLITS`` splits, and for each that there is whether it has targets of its
    own."""
    found = read_like(key, folders, known, max_bytes)
    arrays = [arrays_of(split) for split in found]
    missing = [(None, None, None)] * (MAX_SPLITS - len(found))
    has_targets = [targets is not None for _, targets, _ in arrays]
    return (*itertools.chain(*arrays, *missing), has_targets)


def _inspect(folders: Folders, max_bytes: int, spec: SourceSpec) -> dict[str, Any]:
    samples = read_source(spec, folders, max_bytes)
    facts = facts_of_source(spec, samples.found)
    return {**inspected(samples, facts), "suggested": suggested_job(facts)}


def _bytes_here(spec: SourceSpec, folders: Folders) -> int:
    """In their place, or on their way there."""
    return file_bytes(source_signature(spec, folders)) + downloaded_bytes()


def _unavailable(spec: SourceSpec, error: Exception) -> CallerError:
    if isinstance(error, LoadStalled):
        return DatasetUnavailable(f"{spec.name} {error}")
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, CallerError):
        return cause
    kind = type(cause).__name__
    return DatasetUnavailable(f"{spec.name} could not be loaded: {kind}: {error_text(cause)}")
