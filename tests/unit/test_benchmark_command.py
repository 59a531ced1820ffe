"""A benchmark that is ended takes along what it has started."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 30.0
CLEANS_UP = """
import sys, threading
from benchmarks.command import run
def main():
    try:
        print("measures", flush=True)
        threading.Event().wait()
    finally:
        print("cleans up", flush=True)
        sys.stdin.readline()
        print("is clean", flush=True)
run(main)
"""
HAS_A_CHILD = """
import sys, threading
from benchmarks.command import child, run
def main():
    with child([sys.executable, "-c", sys.argv[1]], stdin=sys.stdin, stdout=sys.stdout):
        threading.Event().wait()
run(main)
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def benchmark(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)


def says(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == words


def answer(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_each_signal_has_it_clean_up_and_no_other_one_keeps_it_from_that(
    number: signal.Signals,
) -> None:
    with benchmark(CLEANS_UP) as process:
        says(process, "measures")
        process.send_signal(number)
        says(process, "cleans up")
        process.send_signal(signal.SIGTERM)
        answer(process)
        says(process, "is clean")
        assert process.wait(TIMEOUT_S) == 128 + number


def test_a_child_is_asked_to_clean_up_and_waited_for() -> None:
    with benchmark(HAS_A_CHILD, CLEANS_UP) as process:
        says(process, "measures")
        process.send_signal(signal.SIGTERM)
        says(process, "cleans up")
        assert process.poll() is None
        answer(process)
        says(process, "is clean")
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGTERM


def test_every_benchmark_runs_so() -> None:
    programs = [path for path in ROOT.glob("benchmarks/**/*.py") if "__main__" in path.read_text()]
    assert len(programs) > 8
    for path in programs:
        if path.name == "__main__.py" or 'if __name__ == "__main__"' in path.read_text():
            assert re.search(r"^    run\(main\)$", path.read_text(), re.MULTILINE), path
