"""``tandem demo``, as ``make demo`` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.hosts import clean_environment
from tests.support.jobs import wait_until

DEMO = "from http_gateway.cli.main import app; app()"


def test_the_demo_trains_shows_what_came_out_and_leaves_nothing(tmp_path: Path) -> None:
    folders = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    env = {**clean_environment(), **folders, "RAY_ADDRESS": "192.0.2.1:6379", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", DEMO, "demo"],
        env=env,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"First optimiser step seen \d", done.stdout)
    accuracies = re.findall(r"(\d+\.\d+)%", done.stdout)
    assert float(accuracies[-1]) > 90
    assert "Only together do the devices have" in done.stdout
    assert re.search(r"1: \S+:5001 +\[0, 4\)( +0\.\d+){3} +\d+% +\d+%", done.stdout)
    assert re.search(r"the label says \d, the network \d", done.stdout)
    assert "6,524,552 bytes" in done.stdout
    assert len(re.findall(r"^  curl ", done.stdout, re.MULTILINE)) == 9
    assert "…" not in "".join(re.findall(r"^  curl .*", done.stdout, re.MULTILINE))
    wait_until(lambda: not processes_with(str(tmp_path)), 10, "nothing is left running")
    assert [path.name for path in tmp_path.iterdir()] == []


def processes_with(text: str) -> list[psutil.Process]:
    """The processes whose command line has ``text``."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(text in part for part in process.info["cmdline"] or []):
            found.append(process)
    return found
