"""Runs ``make test`` again and again in an empty folder, and prints a table.

    python -m tests.repeat --runs 10 --load

clones the last commit, makes its environment once, and puts the clone back before each run. The
exit code is 0 when every run passed. ``--load`` keeps one core busy meanwhile.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUSY = "while True: pass"
RUN_TIMEOUT_S = 2 * 3600.0
END_S = 60.0
TIMED_OUT = 124  # as of timeout(1)
HEAD = f"{'run':>4} {'result':<8} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}"


@dataclass(frozen=True)
class Run:
    """What one run of the tests came to; ``failed`` names those that did not pass."""

    exit_code: int
    num_passed: int
    num_skipped: int
    failed: tuple[str, ...]
    took_s: float

    @classmethod
    def read(cls, reports: Path, exit_code: int, took_s: float) -> Run:
        """Of the JUnit files that pytest wrote into that folder; without any nothing is known but
        the exit code."""
        failed, skipped, cases = [], 0, 0
        for report in sorted(reports.glob("*.xml")):
            for case in ElementTree.parse(report).iter("testcase"):
                cases += 1
                kinds = {child.tag for child in case}
                if kinds & {"failure", "error"}:
                    failed.append(f"{case.get('classname')}::{case.get('name')}")
                elif "skipped" in kinds:
                    skipped += 1
        return cls(exit_code, cases - len(failed) - skipped, skipped, tuple(failed), took_s)

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and not self.failed

    def row(self, number: int) -> str:
        result = "passed" if self.passed else "FAILED"
        counts = f"{self.num_passed:>7} {len(self.failed):>7} {self.num_skipped:>8}"
        names = "".join(f"\n     {name}" for name in self.failed)
        return f"{number:>4} {result:<8} {counts} {self.took_s:>8.0f}{names}"


def repeat(folder: Path, num_runs: int, load: bool) -> bool:
    """Whether every run passed. What each said is in ``folder / "run-<number>.log"``."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    with (folder / "install.log").open("wb") as log:
        make(clone, log.fileno(), ".venv/.installed-test").check_returncode()
    print(HEAD, flush=True)
    all_passed = True
    with busy_core() if load else nullcontext():
        for number in range(1, num_runs + 1):
            run = run_tests(clone, folder, number)
            print(run.row(number), flush=True)
            all_passed &= run.passed
    return all_passed


def run_tests(clone: Path, folder: Path, number: int) -> Run:
    """In the clone as it was committed; its environment stays."""
    put_back = ["git", "clean", "-ffdxq", "--exclude=/.venv"]
    subprocess.run(put_back, cwd=clone, check=True)
    reports = folder / f"run-{number}"
    reports.mkdir()
    began = time.monotonic()
    with (folder / f"run-{number}.log").open("wb") as log:
        done = make(clone, log.fileno(), "test", REPORTS=str(reports))
    return Run.read(reports, done.returncode, time.monotonic() - began)


def make(
    clone: Path, output: int, target: str, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Of a ``make`` above this one only what it was given as variables counts."""
    env = {**os.environ, **variables}
    command = ["make", "--no-print-directory", target]
    with subprocess.Popen(
        command,
        cwd=clone,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return subprocess.CompletedProcess(command, process.wait(RUN_TIMEOUT_S))
        except BaseException as error:
            end_tests(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return subprocess.CompletedProcess(command, TIMED_OUT)


def end_tests(process: subprocess.Popen[bytes]) -> None:
    """All of its session: pytest has its workers end what they have started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)


@contextmanager
def busy_core() -> Iterator[None]:
    """A process that computes all the time, so that one core is never free."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--load", action="store_true", help="keep one core busy meanwhile")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="tandem-repeat-"))
    print(f"What each run says is kept in {folder}", flush=True)
    return 0 if repeat(folder, asked.runs, asked.load) else 1


if __name__ == "__main__":
    sys.exit(main())
