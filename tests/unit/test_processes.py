"""What the benchmarks see of other processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from benchmarks.processes import own_memory


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_the_memory_of_a_process_is_seen(process: subprocess.Popen[bytes]) -> None:
    with own_memory([process.pid]) as (seen,):
        pass
    assert seen.peak_bytes > 0


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_no_peak_is_told_of_a_process_that_has_ended_meanwhile(
    process: subprocess.Popen[bytes], is_waited_for: bool
) -> None:
    said = f"process {process.pid} ended while its memory was looked at"
    with pytest.raises(RuntimeError, match=said), own_memory([process.pid]):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if is_waited_for:
            process.wait(10)
