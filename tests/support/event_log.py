"""A JobManager's log without a JobManager."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actors.core.errors import NotFound
from http_gateway.operations.operation import ManagerCall


@dataclass
class EventLog:
    """Of jobs 1 and 2; ``asked`` has what it was asked for."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    jobs: set[str] = field(default_factory=lambda: {"1", "2"})
    asked: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None

    def tell(self, job_id: str, kind: str = "step", text: str = "") -> None:
        """Numbers go from 1."""
        seq = len(self.entries) + 1
        self.entries.append({"seq": seq, "job_id": job_id, "kind": kind, "text": text})

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """A ``JobClient``'s."""
        assert call.name == "read_log"
        return self.read(**arguments)

    def read(self, **asked: Any) -> dict[str, Any]:
        """As ``LogReader.read_log``."""
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        job_id, kinds, after = asked["job_id"], asked["kinds"], asked["after"]
        if job_id is not None and job_id not in self.jobs:
            raise NotFound("Job not found")
        wanted = [
            e
            for e in self.entries
            if (after is None or e["seq"] > after)
            and job_id in (None, e["job_id"])
            and (kinds is None or e["kind"] in kinds)
        ]
        page = wanted[: asked["limit"]]
        is_cut = len(page) == asked["limit"] > 0
        end = page[-1]["seq"] if is_cut else max(len(self.entries), after or 0)
        gone = [job_id for job_id in asked["watched"] if job_id not in self.jobs]
        return {"events": page, "next_after": end, "gone": gone}
