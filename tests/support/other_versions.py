"""Environments with another Ray, or another minor version of Python, than this one."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHER_RAY = "2.59.0"
MINORS = (10, 11, 12, 13, 14)  # those that Tandem says it runs on


@dataclass(frozen=True)
class OtherPython:
    """An interpreter of another minor version; ``version`` is that, such as 3.12."""

    command: str
    version: str


def other_python() -> OtherPython | None:
    """Another Python on this host, in PATH or in pyenv's folder; None if there is none."""
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for minor in (minor for minor in MINORS if minor != sys.version_info.minor):
        kept = glob.glob(f"{pyenv}/versions/3.{minor}.*/bin/python3.{minor}")
        for command in filter(None, [*kept, shutil.which(f"python3.{minor}")]):
            shown = subprocess.run([command, "--version"], capture_output=True, text=True)
            if shown.stdout.startswith(f"Python 3.{minor}."):
                return OtherPython(command, f"3.{minor}")
    return None


@contextmanager
def installed(folder: Path, requirements: Sequence[str], *options: str) -> Iterator[Path]:
    """The packages in ``folder``, for PYTHONPATH; hundreds of megabytes, so they don't stay.

    Skips the test where they can't be installed, as without the internet.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    command = [*pip, "--target", str(folder), *options, *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"pip can't install {' '.join(requirements)}: {done.stderr[-300:]}")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
