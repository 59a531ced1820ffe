"""A stored job that this version can't read: the API shows the reason, and can delete the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from actors.core.errors import error_text
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.jobs.job_spec import JobConfig
from orchestrator.store.records import JobRecord

BROKEN = "broken"
MAX_FINDINGS = 3


@dataclass(frozen=True)
class BrokenJob:
    """The stored record, and the ``reason``, a sentence for people."""

    record: JobRecord
    reason: str

    @classmethod
    def of(cls, record: JobRecord, error: Exception) -> BrokenJob:
        """``error`` was raised by reading the record."""
        return cls(
            record,
            f"This version can't read the stored job: {_finding(error)}. Its "
            f"checkpoints are kept until it is deleted (DELETE /api/jobs/{record.job_id})",
        )

    @property
    def job_id(self) -> str:
        return self.record.job_id

    @property
    def _config(self) -> JobConfig:
        return JobConfig(**self.record.spec["config"])

    @property
    def lineage(self) -> Lineage:
        """Identifies the job's own checkpoints."""
        record, config = self.record, self._config.model
        sessions = tuple((s.index, s.folder) for s in record.sessions)
        return Lineage(record.job_id, record.identity, config.get("seed") or 0, config, sessions)

    def summary(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs`` lists it."""
        return {
            "job_id": self.job_id,
            "status": BROKEN,
            "devices": len(self.record.devices),
            **self._config.shown(),
        }

    def details(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs/<job_id>`` shows it."""
        devices = [
            {"device_id": d.device_id, "ip": d.ip, "port": d.port} for d in self.record.devices
        ]
        return {
            **self.summary(),
            "registered_devices": devices,
            "layers": {},
            "spares": [],
            "failure_policy": self.record.failure_policy,
            "checkpoints": self.record.checkpoint_policy,
            "history": [],
            "num_epochs": 0,
            "error": self.reason,
        }


def _finding(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error_text(error)}".removeprefix("InvalidRequest: ")
    found = [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
        for one in error.errors(include_url=False)[:MAX_FINDINGS]
    ]
    more = error.error_count() - len(found)
    return "; ".join(found) + (f"; and {more} more" if more else "")
