"""Our own processes are recognised by facts that no clock changes, and none is overlooked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import psutil
import pytest

from orchestrator.cluster import own_processes
from orchestrator.cluster.own_processes import MARK, ProcessRecord, end_nodes, marked, members
from orchestrator.errors import ClusterUnavailable

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
WITH_A_CHILD = """
import subprocess, sys
script = "import time; print(flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", script], env={})  # as with a title in its place
child.wait()
"""

Node = tuple["subprocess.Popen[bytes]", ProcessRecord]


class Nodes:
    """Processes that lead their own sessions, as Ray's nodes do."""

    def __init__(self) -> None:
        self.marks = {MARK: token_hex()}
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, script: str = STUBBORN) -> Node:
        """One that has begun."""
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **self.marks},
        )
        self._started.append(process)
        assert process.stdout is not None and process.stdout.readline()
        process.stdout.close()
        return process, ProcessRecord.of(process.pid)

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(10)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    for process in members([], nodes.marks):
        process.kill()
    nodes.close()


def test_a_process_is_told_from_one_with_the_same_pid() -> None:
    here = ProcessRecord.of(os.getpid())
    assert here.process() is not None
    assert replace(here, started="1").process() is None
    assert replace(here, place="another host").process() is None


def test_a_process_that_has_ended_can_not_be_recorded(nodes: Nodes) -> None:
    process, record = nodes.start()
    process.kill()
    process.wait(10)
    assert record.process() is None
    with pytest.raises(psutil.NoSuchProcess):
        ProcessRecord.of(process.pid)


def test_a_clock_that_is_set_changes_no_record(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, record = nodes.start()
    boot_time = psutil.boot_time()
    # psutil computes the time of day of a process's start from this; it moves with the clock.
    monkeypatch.setattr("psutil._psplatform.boot_time", lambda: boot_time + 3600.0)
    assert ProcessRecord.of(process.pid) == record and record.process() is not None


def test_a_process_that_only_has_an_old_pid_is_left_alone(nodes: Nodes) -> None:
    process, record = nodes.start()
    for stranger in (replace(record, started="1"), replace(record, place="before a restart")):
        end_nodes([stranger], {}, timeout_s=1.0)
    assert process.poll() is None


def test_the_session_of_a_dead_leader_is_ours_only_on_the_host_where_it_led(nodes: Nodes) -> None:
    process, record = nodes.start(WITH_A_CHILD)
    process.kill()
    process.wait(10)
    assert members([replace(record, place="another host")], {}) == []
    (child,) = members([record], {})
    end_nodes([record], {}, timeout_s=1.0)
    assert not child.is_running()


def test_what_no_record_tells_of_is_found_by_its_mark_with_all_of_its_session(nodes: Nodes) -> None:
    process, _ = nodes.start(WITH_A_CHILD)
    assert [p.pid for p in marked(nodes.marks)] == [process.pid]
    _, child = members([], nodes.marks)
    end_nodes([], nodes.marks, timeout_s=1.0)
    process.wait(10)
    assert not child.is_running() and members([], nodes.marks) == []


def test_what_can_not_be_ended_is_named(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    process, record = nodes.start()
    monkeypatch.setattr(own_processes, "KILL_TIMEOUT_S", 0.1)
    monkeypatch.setattr(own_processes, "_signal", lambda process, number: None)
    with pytest.raises(ClusterUnavailable, match=str(process.pid)):
        end_nodes([record], {}, timeout_s=0.1)


@pytest.mark.parametrize("is_head_there", [True, False])
def test_nodes_are_given_time_to_end_only_while_their_head_is_there(
    nodes: Nodes, is_head_there: bool
) -> None:
    (head, head_record), (_, node_record) = nodes.start(), nodes.start()
    if not is_head_there:
        head.kill()
        head.wait(10)
    began = time.monotonic()
    end_nodes([head_record, node_record], nodes.marks, timeout_s=2.0)
    assert (time.monotonic() - began >= 2.0) == is_head_there
    assert head_record.process() is node_record.process() is None


def test_semaphores_of_what_was_ended_are_removed_and_no_others(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_processes, "SHARED_MEMORY", tmp_path)
    process, record = nodes.start()
    kept = [f"sem.hdr{process.pid}1-17960", "sem.obj1-17960", f"sem.{process.pid}-1", "plasma-1"]
    for name in [*kept, f"sem.hdr{process.pid}-17960", f"sem.obj{process.pid}-17961"]:
        (tmp_path / name).touch()
    end_nodes([record], nodes.marks, timeout_s=0.1)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(kept)


def test_only_the_kernels_count_and_no_time_of_day_is_recorded() -> None:
    here = ProcessRecord.of(os.getpid())
    if sys.platform == "linux":
        assert here.started in Path("/proc/self/stat").read_text().split()
        assert Path("/proc/sys/kernel/random/boot_id").read_text().strip() in here.place
