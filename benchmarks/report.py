"""What a benchmark tells of the machine and of a call's time, and its part of
``docs/benchmarks.md``, between its markers."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def machine() -> str:
    """The machine of the measurements."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"torch {version('torch')}, ray {version('ray')}"
    )


def mnist_data_dir() -> Path:
    """The folder in TANDEM_DATA_DIR; ends the benchmark if there is none."""
    folder = os.environ.get("TANDEM_DATA_DIR")
    if not folder:
        raise SystemExit("TANDEM_DATA_DIR must name the folder that holds MNIST/raw")
    return Path(folder)


def milliseconds(do: Callable[[], Any]) -> float:
    """Of the wall clock."""
    begin = time.perf_counter()
    do()
    return 1e3 * (time.perf_counter() - begin)


def write_part(name: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Replaces what stands between the markers of ``name``; the words around it stay."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text().split(begin)
    after = rest.split(end)[1]
    page.write_text("\n".join([before + begin, *lines, end]) + after)
