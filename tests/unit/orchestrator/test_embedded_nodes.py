from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from orchestrator.embedded_nodes import ProcessRecord, end_nodes, is_listening
from orchestrator.errors import ClusterUnavailable
from orchestrator.ray_connection import connect
from tests.support.ports import free_ports


def test_a_process_is_known_by_its_start_time_too() -> None:
    here = ProcessRecord.of(os.getpid())
    assert here.process() is not None
    assert ProcessRecord(here.pid, here.created - 1.0).process() is None


def test_a_process_that_only_has_an_old_pid_is_left_alone() -> None:
    here = ProcessRecord.of(os.getpid())
    end_nodes([ProcessRecord(here.pid, here.created - 1.0)], timeout_s=1.0)
    assert here.process() is not None


def stubborn_node() -> tuple[subprocess.Popen[bytes], ProcessRecord]:
    """A process that leads a session and does not end when asked to."""
    script = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline()
    process.stdout.close()
    return process, ProcessRecord.of(process.pid)


@pytest.mark.parametrize("is_head_there", [True, False])
def test_nodes_are_given_time_to_end_only_while_their_head_is_there(is_head_there: bool) -> None:
    (head, head_record), (node, node_record) = stubborn_node(), stubborn_node()
    if not is_head_there:
        head.kill()
        head.wait(10)
    began = time.monotonic()
    end_nodes([head_record, node_record], timeout_s=2.0)
    assert (time.monotonic() - began >= 2.0) == is_head_there
    assert head_record.process() is node_record.process() is None
    for process in (head, node):
        process.wait(10)


def test_listening_is_told_from_not_listening() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert is_listening("127.0.0.1", server.getsockname()[1])
    (port,) = free_ports(1)
    assert not is_listening("127.0.0.1", port)


@pytest.mark.parametrize("address", ["auto", "somewhere", "ray:", ":6379", "host:port"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ClusterUnavailable, match="host:port"):
        connect(address)


def test_an_address_where_nothing_listens_is_refused_at_once_with_the_remedy() -> None:
    (port,) = free_ports(1)
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match="ray start --head"):
        connect(f"127.0.0.1:{port}")
    assert time.monotonic() - began < 5
