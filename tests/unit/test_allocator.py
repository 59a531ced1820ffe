"""Memory that a step gives back is there for the next one, without the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGES = """
import resource, sys, threading
import torch
from actors.host.allocator import keep_freed_memory

def faults_of_steps():
    def step():
        kept = [torch.ones(2**20) for _ in range(8)]  # 4 MB each
        del kept
    for _ in range(3):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

found = []
if sys.argv[1] == "keeps":
    assert keep_freed_memory()
thread = threading.Thread(target=faults_of_steps)
thread.start()
thread.join()
print(found[0])
"""


def faults(how: str) -> int:
    """Page faults of ten steps that take and give back 32 MB, in a process of their own, in a
    thread as a LayerActor's steps are."""
    done = subprocess.run(
        [sys.executable, "-c", PAGES, how], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other ways")
def test_freed_memory_is_used_again_without_page_faults() -> None:
    assert faults("keeps") * 20 < faults("gives back")
