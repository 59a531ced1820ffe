"""What several operations have in common."""

from __future__ import annotations

from typing import Any

from http_gateway.schemas.parameters import JobPath

LOADING_TIMEOUT_S = 900.0  # longer than the JobManager itself waits for the data
JOB: Any = {"path_parameters": JobPath}
READS: Any = {"method": "GET", "may_repeat": True}
QUICK: Any = {**READS, "is_quick": True}
LOADS: Any = {"timeout_s": LOADING_TIMEOUT_S, "actor_starts": 1}
