"""Puts each data set into the object store once, for every job that uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
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
    known_of,
    place_of,
    read_source,
    source_signature,
)
from actors.core.sources.source_facts import Found, SourceFacts
from actors.feeding.reading import Reading
from orchestrator.data.data_identity import DataIdentity, check_same
from orchestrator.data.data_memory import DataMemory
from orchestrator.data.load_wait import LoadStalled, wait_for_load
from orchestrator.data.stored_splits import (
    MAX_SPLITS,
    StoredSplit,
    StoredSplits,
    arrays_of,
    load_like,
    stored_splits,
)
from orchestrator.errors import DatasetChanged, DatasetUnavailable
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_spec import check_batch_size
from orchestrator.models.suggestion import suggested_job

EARLY_BYTES = 100 * 10**6
"""Of all files together that are loaded before a job needs them: it may never do."""
MAX_INSPECTIONS = 2
"""At a time: each may take as much memory as its data set."""
INSPECTION_WAIT_S = 120.0


def _data_memory(asked_bytes: int | None, node_id: str) -> DataMemory:
    """What data may take on that node."""
    own = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == node_id)
    store_bytes, cores = own.get("object_store_memory", 0.0), own.get("CPU", 1.0)
    return DataMemory.of(asked_bytes, int(store_bytes), int(cores))


@dataclass(frozen=True)
class StoredDataset:
    """References into the object store: to arrays, or of inputs that take more than the memory for
    data allows to what reads their rows, by ``reading``. Targets that lie in the inputs' array have
    the same reference. The numbers are those of samples."""

    train_inputs: Any
    train_targets: Any
    val_inputs: Any
    val_targets: Any
    num_train: int
    num_val: int
    reading: Reading
    fingerprint: str = ""
    files_fingerprint: str = ""
    train_places: Any = None
    val_places: Any = None
    """References to ``SamplePlaces``."""

    @property
    def train(self) -> StoredSplit:
        """The samples to train with."""
        return StoredSplit(self.train_inputs, self.train_targets, self.train_places)

    @property
    def val(self) -> StoredSplit:
        """Those to validate with."""
        return StoredSplit(self.val_inputs, self.val_targets, self.val_places)

    @property
    def identity(self) -> DataIdentity:
        """By which a job knows its data again."""
        return DataIdentity(self.num_train, self.num_val, self.fingerprint, self.files_fingerprint)


@dataclass(frozen=True)
class _Facts:
    """Of the arrays, and of the files that they were read from. ``has_targets`` is False where
    targets lie in the inputs' arrays."""

    found: Found
    fingerprint: str
    files_fingerprint: str
    has_targets: bool
    signature: Signature


@dataclass(eq=False)
class _Loading:
    """A load under way: references to the arrays, the places and their facts; ``signature`` is None
    until it is done."""

    arrays: list[Any]
    facts: Any
    signature: Signature | None = None


class DatasetStore:
    """Loads on the gateway's own node, in a task, and keeps the references until the files change.

    A session that has begun keeps what it has. ``memory_bytes`` is the setting."""

    def __init__(self, folders: Folders, node_id: str, memory_bytes: int | None) -> None:
        self._folders = folders
        self._node_id = node_id
        memory = _data_memory(memory_bytes, node_id)
        self._max_bytes, self._reading = memory.max_bytes, memory.reading(node_id)
        self._loading: dict[SourceSpec, _Loading] = {}
        self._lock = threading.Lock()
        self._inspections = threading.BoundedSemaphore(MAX_INSPECTIONS)

    def find(self, spec: SourceSpec) -> Found:
        """What is in the source's arrays, which are loaded where only that tells; raises
        ``DatasetUnavailable``, ``InvalidRequest``."""
        known = known_of(spec, self._folders)
        return self._loaded(spec)[1].found if known is None else known

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
            return self._inspected(spec)
        finally:
            self._inspections.release()

    def _inspected(self, spec: SourceSpec) -> dict[str, Any]:
        task = self._task(_inspect, 1).remote(spec, self._folders, self._max_bytes)
        try:
            found: dict[str, Any] = wait_for_load(task, partial(_bytes_here, spec, self._folders))
        except (ray.exceptions.RayError, LoadStalled) as error:
            if isinstance(error, LoadStalled):
                ray.cancel(task, force=True)
            raise _unavailable(spec, error) from error
        return found

    def get_like(self, spec: SourceSpec, known: SourceFacts) -> StoredSplits:
        """Other data, for a model that was trained on ``known``; nothing is kept of it but what the
        references keep. Raises ``DatasetUnavailable``, ``InvalidRequest``."""
        key = arrays_key(spec)
        loading = self._task(load_like, 3 * MAX_SPLITS + 1)
        *arrays, told = loading.remote(key, self._folders, known, self._max_bytes)
        try:
            has_targets = wait_for_load(told, partial(_bytes_here, key, self._folders))
        except (ray.exceptions.RayError, LoadStalled) as error:
            if isinstance(error, LoadStalled):
                ray.cancel(told, force=True)
            raise _unavailable(key, error) from error
        return StoredSplits(stored_splits(arrays, has_targets), self._reading)

    def start_loading(self, spec: SourceSpec) -> None:
        """Starts to load unless that was done already, from files as they are now; returns at
        once. ``get`` does it where there is much to load, or something is being loaded."""
        with suppress(CallerError):  # ``get`` tells
            key = arrays_key(spec)
            with self._lock:
                before = [loading.signature for loading in self._loading.values()]
            known = [signature for signature in before if signature is not None]
            sizes = [_file_bytes(found) for found in (*known, source_signature(key, self._folders))]
            if len(known) == len(before) and sum(sizes) <= EARLY_BYTES:
                self._current(key)

    def is_begun(self, spec: SourceSpec) -> bool:
        """Whether the files as they are now are loaded, or being loaded."""
        key = arrays_key(spec)
        signature = source_signature(key, self._folders)
        with self._lock:
            loading = self._loading.get(key)
        return loading is not None and loading.signature in (None, signature)

    def get(self, spec: SourceSpec) -> StoredDataset:
        """The data set, loaded if need be; raises ``DatasetUnavailable``, ``InvalidRequest``."""
        return _stored(spec, *self._loaded(spec), self._reading)

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
        loading, facts = self._loaded(job.spec.source)
        stored = _stored(job.spec.source, loading, facts, self._reading)
        if job.data is not None:
            place = place_of(job.spec.source, self._folders)
            check_same(job.job_id, job.data, stored.identity, place)
        self._check_kinds(job, facts.found)
        check_batch_size(job.spec, stored.num_train)
        return stored

    def _check_kinds(self, job: Job, found: Found) -> None:
        """The model was made for so many classes, and characters and classes have their numbers."""
        now, known = facts_of_source(job.spec.source, found), job.spec.data
        if _numbered(now) != _numbered(known):
            place = place_of(job.spec.source, self._folders)
            raise DatasetChanged(
                f"Job {job.job_id} was created for other data than {place} has now: its classes, "
                "characters or columns are not the same. Put the old files back, or create the "
                "job again"
            )

    def keep_only(self, specs: Iterable[SourceSpec]) -> None:
        """Drops what none of these jobs' sources uses any more."""
        keys = {arrays_key(spec) for spec in specs}
        with self._lock:
            self._loading = {key: data for key, data in self._loading.items() if key in keys}

    def _current(self, key: SourceSpec) -> _Loading:
        """The load of the files as they are now, or of those before if it is still under way."""
        signature = source_signature(key, self._folders)
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
        *arrays, facts = tuple(
            self._task(_load_arrays, 7).remote(key, self._folders, self._max_bytes)
        )
        return _Loading(arrays, facts)

    def _task(self, function: Callable[..., Any], num_returns: int) -> Any:
        """In a process of its own, here."""
        strategy = NodeAffinitySchedulingStrategy(self._node_id, soft=False)
        # Its process has some 200 MB, with which it would wait for more tasks.
        return ray.remote(max_calls=1)(function).options(
            num_cpus=0,
            num_returns=num_returns,
            max_retries=0,
            scheduling_strategy=strategy,
        )

    def _forget(self, key: SourceSpec, loading: _Loading) -> None:
        """So that the next job tries again."""
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]


def _stored(spec: SourceSpec, loading: _Loading, facts: _Facts, reading: Reading) -> StoredDataset:
    source = facts_of_source(spec, facts.found)
    train, val = stored_splits(loading.arrays, [facts.has_targets] * 2)
    arrays = (train.inputs, train.targets, val.inputs, val.targets)
    numbers = (source.num_train, source.num_val)
    places = (train.places, val.places)
    fingerprints = (facts.fingerprint, facts.files_fingerprint)
    return StoredDataset(*arrays, *numbers, reading, *fingerprints, *places)


def _numbered(data: SourceFacts) -> tuple[Any, ...]:
    """What numbers stand for in the samples."""
    categories = [(column.name, column.categories) for column in data.columns]
    return data.num_classes, data.vocabulary, data.class_names, categories


def _unavailable(key: SourceSpec, error: Exception) -> CallerError:
    if isinstance(error, LoadStalled):
        return DatasetUnavailable(f"{key.name} {error}")
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, CallerError):
        return cause
    kind = type(cause).__name__
    return DatasetUnavailable(f"{key.name} could not be loaded: {kind}: {error_text(cause)}")


def _inspect(spec: SourceSpec, folders: Folders, max_bytes: int) -> dict[str, Any]:
    samples = read_source(spec, folders, max_bytes)
    facts = facts_of_source(spec, samples.found)
    return {**inspected(samples, facts), "suggested": suggested_job(facts)}


def _load_arrays(key: SourceSpec, folders: Folders, max_bytes: int) -> tuple[Any, ...]:
    fetch_source(key, folders)
    # Before they are read: what changes since is noticed.
    signature = source_signature(key, folders)
    data = read_source(key, folders, max_bytes)
    has_targets = data.train.targets is not data.train.inputs
    fingerprints = (data.fingerprint, data.files_fingerprint)
    facts = _Facts(data.found, *fingerprints, has_targets, signature)
    return (*arrays_of(data.train), *arrays_of(data.val), facts)


def _bytes_here(key: SourceSpec, folders: Folders) -> int:
    """In their place, or on their way there."""
    return _file_bytes(source_signature(key, folders)) + downloaded_bytes()


def _file_bytes(signature: Signature) -> int:
    return sum(found[1] for _, found in signature if found is not None)
