"""Tandem's own code, as Ray carries it to devices that have not installed it."""

from __future__ import annotations

from typing import Any

import actors
import orchestrator

SETUP_TIMEOUT_S = 60


def runtime_env() -> dict[str, Any]:
    """For ``ray.init``: every worker of this driver's actors imports exactly these files.

    So a device runs the gateway's version, whichever version is installed there.
    """
    packages = (actors, orchestrator)
    return {
        "py_modules": [package.__path__[0] for package in packages],
        "config": {"setup_timeout_seconds": SETUP_TIMEOUT_S},
    }
