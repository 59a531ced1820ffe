"""The log lines of the processes that train a job: two files of JSON lines, the older one goes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from actors.core.stages.specs import StageLabels
from actors.core.units import time_text
from actors.log_lines import LogLine
from orchestrator.errors import StorageUnavailable

MAX_FILE_BYTES = 2**20
"""The size at which a job's newer file becomes the older one. So a job has 2 MB at most."""

logger = logging.getLogger(__name__)


class ProcessLogs:
    """The lines of all jobs, in one folder. Any thread may ask. ``seq`` counts those of a job from
    1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._last_seq: dict[str, int] = {}

    def append(self, labels: StageLabels, lines: Sequence[LogLine]) -> None:
        """Adds lines of one device. What the disk refuses is lost: it is no reason to keep a job
        from being saved."""
        with self._lock:
            try:
                self._append(labels, lines)
            except OSError as error:
                logger.warning("log lines of job %s were not kept: %s", labels.job_id, error)

    def page(self, job_id: str, after: int | None, limit: int) -> dict[str, Any]:
        """The first lines after that ``seq`` or, without one, the latest; oldest first. Raises
        ``StorageUnavailable``."""
        with self._lock:
            try:
                found = list(self._read(job_id, -1 if after is None else after))
            except OSError as error:
                raise StorageUnavailable(
                    f"The log lines of job {job_id} in {self._folder} can't be read "
                    f"({error.strerror}): see that the gateway may read that folder"
                ) from error
        shown = found[-limit:] if after is None else found[:limit]
        return {"lines": shown, "next_after": shown[-1]["seq"] if shown else after or 0}

    def forget(self, job_id: str) -> None:
        """The job was deleted."""
        with self._lock, suppress(OSError):
            self._last_seq.pop(job_id, None)
            for path in self._files(job_id):
                path.unlink(missing_ok=True)

    def _files(self, job_id: str) -> tuple[Path, Path]:
        """The older one first."""
        return self._folder / f"job-{job_id}.1.jsonl", self._folder / f"job-{job_id}.jsonl"

    def _append(self, labels: StageLabels, lines: Sequence[LogLine]) -> None:
        older, newer = self._files(labels.job_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        if newer.exists() and newer.stat().st_size >= MAX_FILE_BYTES:
            newer.replace(older)
        is_first = labels.job_id not in self._last_seq
        seq = self._last(labels.job_id)
        with newer.open("a", encoding="utf-8") as file:
            if is_first:
                file.write("\n")  # an earlier process may have ended within a line
            for number, line in enumerate(lines, start=seq + 1):
                file.write(json.dumps(_shown(number, labels, line)) + "\n")
        self._last_seq[labels.job_id] = seq + len(lines)

    def _last(self, job_id: str) -> int:
        if job_id not in self._last_seq:
            seqs = [line["seq"] for line in self._read(job_id, 0)]
            self._last_seq[job_id] = seqs[-1] if seqs else 0
        return self._last_seq[job_id]

    def _read(self, job_id: str, after: int) -> Iterator[dict[str, Any]]:
        """A line that was cut off, by the end of a process or a full disk, is left out."""
        for path in self._files(job_id):
            if not path.exists():
                continue
            for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    line: dict[str, Any] = json.loads(text)
                    if line["seq"] > after:
                        yield line


def _shown(seq: int, labels: StageLabels, line: LogLine) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": time_text(line.at_ms),
        "level": line.level,
        "job_id": labels.job_id,
        "generation": labels.generation,
        "device_id": labels.device_id,
        "logger": line.logger,
        "text": line.text,
    }
