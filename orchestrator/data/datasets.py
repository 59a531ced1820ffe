"""Puts each data set into the object store once, for every job that uses it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import CallerError, error_text
from actors.core.folders import Folders
from actors.core.sources.data_files import file_signature
from actors.core.sources.download import downloaded_bytes
from actors.core.sources.registry import (
    SourceSpec,
    arrays_key,
    facts_of_source,
    fetch_source,
    known_of,
    place_of,
    read_source,
    source_files,
)
from actors.core.sources.samples import Split
from actors.core.sources.source_facts import Found
from orchestrator.data.data_identity import DataIdentity, check_same
from orchestrator.data.load_wait import LoadStalled, wait_for_load
from orchestrator.errors import DatasetChanged, DatasetUnavailable
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_spec import check_batch_size

EARLY_BYTES = 100 * 10**6
"""Of all files together that are loaded before a job needs them: it may never do."""


Signature = tuple[tuple[int, ...] | None, ...]
"""Of a data set's files: another one once a file was replaced or changed."""


@dataclass(frozen=True)
class StoredDataset:
    """References to the arrays in the object store, as they are stored. Targets that lie in the
    inputs' array have the same reference. The numbers are those of samples."""

    train_inputs: Any
    train_targets: Any
    val_inputs: Any
    val_targets: Any
    num_train: int
    num_val: int
    fingerprint: str = ""

    @property
    def identity(self) -> DataIdentity:
        """By which a job knows its data again."""
        return DataIdentity(self.num_train, self.num_val, self.fingerprint)


@dataclass(frozen=True)
class _Facts:
    """Of the arrays, and of the files that they were read from. ``has_targets`` is False where
    targets lie in the inputs' arrays."""

    found: Found
    fingerprint: str
    has_targets: bool
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

    def __init__(self, folders: Folders, node_id: str) -> None:
        self._folders = folders
        self._node_id = node_id
        self._loading: dict[SourceSpec, _Loading] = {}
        self._lock = threading.Lock()

    def find(self, spec: SourceSpec) -> Found:
        """What is in the source's arrays, which are loaded where only that tells; raises
        ``DatasetUnavailable``, ``InvalidRequest``."""
        known = known_of(spec, self._folders)
        return self._loaded(spec)[1].found if known is None else known

    def start_loading(self, spec: SourceSpec) -> None:
        """Starts to load unless that was done already, from files as they are now; returns at
        once. ``get`` does it where there is much to load, or something is being loaded."""
        with suppress(CallerError):  # ``get`` tells
            key = arrays_key(spec)
            with self._lock:
                before = [loading.signature for loading in self._loading.values()]
            known = [signature for signature in before if signature is not None]
            sizes = [_file_bytes(found) for found in (*known, _signature(key, self._folders))]
            if len(known) == len(before) and sum(sizes) <= EARLY_BYTES:
                self._current(key)

    def is_begun(self, spec: SourceSpec) -> bool:
        """Whether the files as they are now are loaded, or being loaded."""
        key = arrays_key(spec)
        signature = _signature(key, self._folders)
        with self._lock:
            loading = self._loading.get(key)
        return loading is not None and loading.signature in (None, signature)

    def get(self, spec: SourceSpec) -> StoredDataset:
        """The data set, loaded if need be; raises ``DatasetUnavailable``, ``InvalidRequest``."""
        loading, facts = self._loaded(spec)
        source = facts_of_source(spec, facts.found)
        inputs, targets, val_inputs, val_targets = loading.arrays
        if not facts.has_targets:
            targets, val_targets = inputs, val_inputs
        numbers = (source.num_train, source.num_val)
        return StoredDataset(inputs, targets, val_inputs, val_targets, *numbers, facts.fingerprint)

    def _loaded(self, spec: SourceSpec) -> tuple[_Loading, _Facts]:
        key = arrays_key(spec)
        loading = self._current(key)
        facts = self._facts(key, loading)
        # The load may be an earlier request's, and the files others since.
        if (newer := self._current(key)) is not loading:
            loading, facts = newer, self._facts(key, newer)
        return loading, facts

    def _facts(self, key: SourceSpec, loading: _Loading) -> _Facts:
        try:
            facts: _Facts = wait_for_load(loading.facts, partial(_bytes_here, key, self._folders))
        except (ray.exceptions.RayError, LoadStalled) as error:
            if isinstance(error, LoadStalled):
                # Only then: Ray 2.60 ends this process when it cancels a task that has just failed.
                ray.cancel(loading.facts, force=True)
            self._forget(key, loading)
            raise _unavailable(key, error) from error
        loading.signature = facts.signature
        return facts

    def get_for(self, job: Job) -> StoredDataset:
        """The same for a job that may be trained already; raises ``DatasetChanged`` when that was
        on other samples, ``InvalidRequest`` when they are fewer than a batch."""
        stored = self.get(job.spec.source)
        if job.data is not None:
            place = place_of(job.spec.source, self._folders)
            check_same(job.job_id, job.data, stored.identity, place)
        self._check_kinds(job)
        check_batch_size(job.spec, stored.num_train)
        return stored

    def _check_kinds(self, job: Job) -> None:
        """The model was made for so many classes, and characters have their numbers."""
        found, known = self._loaded(job.spec.source)[1].found, job.spec.data
        now = facts_of_source(job.spec.source, found)
        if (now.num_classes, now.vocabulary) != (known.num_classes, known.vocabulary):
            place = place_of(job.spec.source, self._folders)
            raise DatasetChanged(
                f"Job {job.job_id} was created for other data than {place} has now: its classes or "
                "characters are not the same. Put the old files back, or create the job again"
            )

    def keep_only(self, specs: Iterable[SourceSpec]) -> None:
        """Drops what none of these jobs' sources uses any more."""
        keys = {arrays_key(spec) for spec in specs}
        with self._lock:
            self._loading = {key: data for key, data in self._loading.items() if key in keys}

    def _current(self, key: SourceSpec) -> _Loading:
        """The load of the files as they are now, or of those before if it is still under way."""
        signature = _signature(key, self._folders)
        with self._lock:
            loading = self._loading.get(key)
            if loading is not None and loading.signature in (None, signature):
                return loading
            loading = self._loading[key] = self._submit(key)
        # Nobody may ask before the files have changed.
        loading.facts.future().add_done_callback(partial(self._settle, key, loading))
        return loading

    def _settle(self, key: SourceSpec, loading: _Loading, ended: Future[_Facts]) -> None:
        """It is done: from which files is known, or it failed and the next one tries again."""
        if ended.cancelled() or ended.exception() is not None:
            self._forget(key, loading)
        else:
            loading.signature = ended.result().signature

    def _submit(self, key: SourceSpec) -> _Loading:
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        # Its process has some 200 MB, with which it would wait for more tasks.
        task: Any = ray.remote(max_calls=1)(_load_arrays).options(
            num_cpus=0,
            num_returns=5,
            max_retries=0,
            scheduling_strategy=strategy,
        )
        *arrays, facts = tuple(task.remote(key, self._folders))
        return _Loading(arrays, facts)

    def _forget(self, key: SourceSpec, loading: _Loading) -> None:
        """So that the next job tries again."""
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]


def _unavailable(key: SourceSpec, error: Exception) -> CallerError:
    if isinstance(error, LoadStalled):
        return DatasetUnavailable(f"{key.name} {error}")
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, CallerError):
        return cause
    kind = type(cause).__name__
    return DatasetUnavailable(f"{key.name} could not be loaded: {kind}: {error_text(cause)}")


def _load_arrays(key: SourceSpec, folders: Folders) -> tuple[Any, ...]:
    fetch_source(key, folders)
    signature = _signature(key, folders)  # before they are read: what changes since is noticed
    data = read_source(key, folders)
    has_targets = data.train.targets is not data.train.inputs
    facts = _Facts(data.found, data.fingerprint, has_targets, signature)
    return (*_arrays(data.train, has_targets), *_arrays(data.val, has_targets), facts)


def _arrays(split: Split, has_targets: bool) -> tuple[np.ndarray[Any, Any] | None, ...]:
    targets = np.ascontiguousarray(split.targets) if has_targets else None
    return np.ascontiguousarray(split.inputs), targets


def _signature(key: SourceSpec, folders: Folders) -> Signature:
    return tuple(file_signature(path) for path in source_files(key, folders))


def _bytes_here(key: SourceSpec, folders: Folders) -> int:
    """In their place, or on their way there."""
    return _file_bytes(_signature(key, folders)) + downloaded_bytes()


def _file_bytes(signature: Signature) -> int:
    return sum(found[1] for found in signature if found is not None)
