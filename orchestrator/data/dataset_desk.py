"""Registers uploaded data sets once a source has read them, shows them and deletes them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from actors.core.errors import CallerError, Conflict, InvalidRequest
from actors.core.sources.registry import SOURCES, SourceSpec, parse_source
from orchestrator.data.source_tasks import SourceTasks
from orchestrator.errors import DatasetUnavailable
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Status
from orchestrator.uploads.upload_store import UploadedDataset, UploadStore


class DatasetDesk:
    """``uploads`` keeps the files, ``tasks`` read them, and ``book`` has the jobs that use
    them."""

    def __init__(self, uploads: UploadStore, tasks: SourceTasks, book: JobBook) -> None:
        self._uploads = uploads
        self._tasks = tasks
        self._book = book
        self._lock = threading.Lock()
        uploads.sweep()

    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields that read each data set, by its name."""
        return self._uploads.configs()

    def parse(self, dataset_config: Mapping[str, Any]) -> SourceSpec:
        """Parses the configuration of a known or an uploaded data set. Raises
        ``InvalidRequest``."""
        return parse_source(dataset_config, self.configs())

    def inspect(self, dataset_config: Mapping[str, Any]) -> dict[str, Any]:
        """Says what a data set holds, and which job would fit. Raises ``InvalidRequest``,
        ``DatasetUnavailable``."""
        spec = self.parse(dataset_config)
        return self._tasks.inspect(spec) if spec.upload is None else self._looked_at(spec)

    def summaries(self) -> list[dict[str, Any]]:
        """All data sets: first those that Tandem knows, then the uploaded ones."""
        known = [kind.name for kind in SOURCES.values() if not kind.is_format]
        shown = [self._listed(name, None) for name in known]
        return [*shown, *(self._listed(n, self._uploads.find(n)) for n in self._uploads.names())]

    def show(self, name: str) -> dict[str, Any]:
        """An uploaded data set, with what was understood of it. Raises ``DatasetNotFound``,
        ``DatasetUnavailable``."""
        self._uploads.check_there(name)
        about = self._uploads.find(name)
        if about is None:
            raise DatasetUnavailable(
                f"What is known of the data set {name} can't be read: upload it again with "
                "?replace=true"
            )
        return {
            "name": name,
            "dataset_config": about.config,
            "num_files": about.num_files,
            "num_bytes": about.num_bytes,
            "jobs": [job.job_id for job in self._jobs_of(name)],
            "understood": about.understood,
        }

    def check(self, name: str, replace: bool) -> None:
        """Checks whether a data set of this name may be uploaded. Raises ``InvalidRequest``,
        ``Conflict``."""
        known = {kind.name.casefold(): kind.name for kind in SOURCES.values()}
        if name in known:
            raise InvalidRequest(
                f"name is {name!r}, but Tandem has a data set or a format {known[name]} of its "
                "own: choose another name"
            )
        self._uploads.check_name(name, replace)
        if training := [job.job_id for job in self._jobs_of(name) if job.is_active]:
            raise Conflict(
                f"The data set {name} can't be replaced while {_named(training)}: stop it first "
                f"with POST /api/jobs/{training[0]}/stop, or choose another name"
            )

    def add(
        self,
        name: str,
        version: str,
        config: Mapping[str, Any],
        num_files: int,
        num_bytes: int,
        replace_it: bool,
    ) -> dict[str, Any]:
        """Reads the files of a version by their ``config``, and makes it the data set ``name``.
        Raises ``InvalidRequest``, ``Conflict``, ``DatasetUnavailable``, …"""
        with self._uploads.working_on(version):
            self.check(name, replace_it)
            found = self._understood(name, version, config)
            about = UploadedDataset(dict(config), num_files, num_bytes, {**found, "data": name})
            with self._lock:
                self.check(name, replace_it)
                self._uploads.keep(name, version, about, replace_it)
        return self.show(name)

    def _understood(self, name: str, version: str, config: Mapping[str, Any]) -> dict[str, Any]:
        try:
            spec = parse_source({"name": name}, {name: config})
            return self._looked_at(replace(spec, upload=self._uploads.name_of(version)))
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{error.message}. An upload takes such fields by `set`, as NAME=VALUE"
            ) from error

    def _looked_at(self, spec: SourceSpec) -> dict[str, Any]:
        """What the files of an upload are, with places as their sender knows them."""
        assert spec.upload is not None
        folder = str(self._uploads.files(spec.upload).resolve())
        try:
            shown: dict[str, Any] = _without_folder(self._tasks.inspect(spec), folder)
        except CallerError as error:
            raise type(error)(_without_folder(error.message, folder)) from error
        return shown

    def delete(self, name: str, force: bool) -> None:
        """Raises ``DatasetNotFound``, and ``Conflict`` if a job uses it that may still train,
        unless ``force`` is true."""
        self._uploads.check_there(name)
        using = [j.job_id for j in self._jobs_of(name) if j.status is not Status.COMPLETED]
        if using and not force:
            raise Conflict(
                f"The data set {name} is used by {_jobs(using)}, which may still train: delete "
                "that first, or delete the data set all the same with force=true (--force)"
            )
        with self._lock:
            self._uploads.delete(name)

    def _listed(self, name: str, about: UploadedDataset | None) -> dict[str, Any]:
        understood = {} if about is None else about.understood
        return {
            "name": name,
            "is_uploaded": name not in SOURCES,
            "format": None if about is None else about.config["format"],
            "num_files": None if about is None else about.num_files,
            "num_bytes": None if about is None else about.num_bytes,
            "num_train": understood.get("num_train"),
            "num_val": understood.get("num_val"),
            "jobs": [job.job_id for job in self._jobs_of(name)],
        }

    def _jobs_of(self, name: str) -> list[Job]:
        return [job for job in self._book.all() if job.spec.config.dataset.get("name") == name]


def _jobs(job_ids: list[str]) -> str:
    return f"job {job_ids[0]}" if len(job_ids) == 1 else f"the jobs {', '.join(job_ids)}"


def _named(job_ids: list[str]) -> str:
    return f"{_jobs(job_ids)} {'trains' if len(job_ids) == 1 else 'train'} on it"


def _without_folder(told: Any, folder: str) -> Any:
    """Makes paths relative to the upload, which lies in ``folder``, as its sender knows them."""
    if isinstance(told, dict):
        return {name: _without_folder(value, folder) for name, value in told.items()}
    if isinstance(told, list):
        return [_without_folder(value, folder) for value in told]
    if isinstance(told, str):
        return told.replace(f"{folder}/", "").replace(folder, "the upload")
    return told
