"""Keeps each data set in the object store once, for every job that uses it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from actors.core.errors import CallerError
from actors.core.folders import Folders
from actors.core.sources.registry import (
    Signature,
    SourceSpec,
    arrays_key,
    facts_of_source,
    known_of,
    place_of,
    source_signature,
)
from actors.core.sources.source_facts import Found, SourceFacts
from actors.feeding.reading import Reading
from orchestrator.data.data_identity import check_same
from orchestrator.data.source_tasks import LoadedFacts, SourceTasks, file_bytes
from orchestrator.data.stored_splits import StoredDataset, stored_splits
from orchestrator.errors import DatasetChanged
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_spec import check_batch_size

EARLY_BYTES = 100 * 10**6
"""Of all files together that are loaded before a job needs them: it may never do."""


@dataclass(eq=False)
class _Loading:
    """A load under way: references to the arrays, the places and their facts; ``signature`` is None
    until it is done."""

    arrays: list[Any]
    facts: Any
    signature: Signature | None = None


class DatasetStore:
    """Has data sets loaded by ``tasks``, and keeps the references until the files change.

    A session that has begun keeps what it has."""

    def __init__(self, folders: Folders, tasks: SourceTasks) -> None:
        self.tasks = tasks
        self._folders = folders
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
            sizes = [file_bytes(found) for found in (*known, source_signature(key, self._folders))]
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
        return _stored(spec, *self._loaded(spec), self.tasks.reading)

    def get_for(self, job: Job) -> StoredDataset:
        """The same for a job that may be trained already; raises ``DatasetChanged`` when that was
        on other samples, ``InvalidRequest`` when they are fewer than a batch."""
        loading, facts = self._loaded(job.spec.source)
        stored = _stored(job.spec.source, loading, facts, self.tasks.reading)
        if job.data is not None:
            place = place_of(job.spec.source, self._folders)
            check_same(job.job_id, job.data, stored.identity, place)
        self._check_kinds(job, facts.found)
        check_batch_size(job.spec, stored.num_train)
        return stored

    def keep_only(self, specs: Iterable[SourceSpec]) -> None:
        """Drops what none of these jobs' sources uses any more."""
        keys = {arrays_key(spec) for spec in specs}
        with self._lock:
            self._loading = {key: data for key, data in self._loading.items() if key in keys}

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

    def _loaded(self, spec: SourceSpec) -> tuple[_Loading, LoadedFacts]:
        key = arrays_key(spec)
        loading = self._current(key)
        facts = self._facts(key, loading)
        # The load may be an earlier request's, and the files others since.
        if (newer := self._current(key)) is not loading:
            loading, facts = newer, self._facts(key, newer)
        return loading, facts

    def _facts(self, key: SourceSpec, loading: _Loading) -> LoadedFacts:
        try:
            facts: LoadedFacts = self.tasks.wait(key, loading.facts)
        except CallerError:
            self._forget(key, loading)
            raise
        loading.signature = facts.signature
        return facts

    def _current(self, key: SourceSpec) -> _Loading:
        """The load of the files as they are now, or of those before if it is still under way."""
        signature = source_signature(key, self._folders)
        with self._lock:
            loading = self._loading.get(key)
            if loading is not None and loading.signature in (None, signature):
                return loading
            loading = self._loading[key] = _Loading(*self.tasks.load(key))
        # Nobody may ask before the files have changed.
        loading.facts.future().add_done_callback(partial(self._settle, key, loading))
        return loading

    def _settle(self, key: SourceSpec, loading: _Loading, ended: Future[LoadedFacts]) -> None:
        """It is done: from which files is known, or it failed and the next one tries again."""
        if ended.cancelled() or ended.exception() is not None:
            self._forget(key, loading)
        else:
            loading.signature = ended.result().signature

    def _forget(self, key: SourceSpec, loading: _Loading) -> None:
        """So that the next job tries again."""
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]


def _stored(
    spec: SourceSpec, loading: _Loading, facts: LoadedFacts, reading: Reading
) -> StoredDataset:
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
