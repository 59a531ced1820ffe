"""What ``tandem head`` and ``tandem join`` refuse before they start Ray, and leave to another
process."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from http_gateway.cli.cluster import nodes
from orchestrator.cluster.node_keeper import why_taken
from orchestrator.cluster.ray_start import NodePorts
from orchestrator.errors import ClusterUnavailable
from tests.support.command_line import tandem
from tests.support.ports import RAY_LIKE, listening, saying


@contextmanager
def taken(ports: range) -> Iterator[int]:
    """The first of these that is free, with something that listens there."""
    for port in ports:
        with socket.socket() as server:
            try:
                server.bind(("0.0.0.0", port))
                server.listen()
            except OSError:
                continue
            yield port
            return
    raise AssertionError(f"none of the ports {ports} is free")


def refusal(tmp_path: Path, *arguments: str | int) -> str:
    result = tandem(*arguments, "--storage-path", tmp_path)
    assert result.exit_code == 1, result.output
    return result.stderr


def test_a_heads_port_that_is_taken_is_told_with_a_free_one(tmp_path: Path) -> None:
    with taken(range(21_000, 22_000)) as port:
        text = refusal(tmp_path, "head", "--port", port)
        assert f"port {port} is taken on this device" in text and "device-port" not in text
        (other,) = re.findall(r"add --port (\d+)", text)
        assert int(other) > port and why_taken(int(other)) is None


@pytest.mark.parametrize("offset", [0, 100, 500])
def test_a_port_of_the_heads_device_that_is_taken_is_told_with_a_free_one(
    tmp_path: Path, offset: int
) -> None:
    with listening() as unused:
        pass
    with taken(range(9100 + offset, 9400 + offset)) as port:
        text = refusal(tmp_path, "head", "--port", unused, "--device-port", port - offset)
        (other,) = re.findall(r"add --device-port (\d+)", text)
        assert "taken on this device" in text
        assert not any(map(why_taken, NodePorts(int(other)).servers.values()))


def test_a_device_that_has_joined_is_told_how_to_join_as_one_more(tmp_path: Path) -> None:
    with saying(RAY_LIKE) as head, taken(range(9100, 9300)) as port:
        arguments = ["--port", port, "--devices", "3"]
        text = refusal(tmp_path, "join", f"127.0.0.1:{head}", *arguments)
        assert "has it joined already?" in text
        (other,) = re.findall(rf"`tandem join 127.0.0.1:{head} --port (\d+)`", text)
        assert int(other) >= port + 3 or int(other) < port
        assert not any(map(why_taken, NodePorts(int(other)).servers.values()))


CTRL_C_MEANWHILE = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
os.kill(os.getppid(), signal.SIGINT)
print("interrupted" if signal.sigtimedwait([signal.SIGINT], 30) else "joined", flush=True)
"""
TELL = """
import os, sys
print(sys.argv[1:], os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("PATH") is not None)
sys.exit(1)
"""


def test_ctrl_c_before_a_device_in_the_background_has_joined_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "RUN", CTRL_C_MEANWHILE)
    monkeypatch.setattr(sys, "argv", ["tandem", "join", "head", "--detach"])
    with pytest.raises(KeyboardInterrupt):
        nodes._detach(tmp_path / "log", "Ctrl-C leaves the cluster")
    assert (tmp_path / "log").read_text() == "interrupted\n"


@pytest.mark.parametrize("given", [["--token-file", "/dev/fd/63"], ["--token-file=/dev/stdin"]])
def test_a_token_file_that_was_read_is_not_read_again_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    monkeypatch.setattr(nodes, "RUN", TELL)
    monkeypatch.setattr(sys, "argv", ["tandem", "join", *given, "--detach", "head", "--port", "1"])
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another one")
    with pytest.raises(ClusterUnavailable) as caught:
        nodes._detach(tmp_path / "log", "Ctrl-C leaves the cluster", token_is_given=True)
    assert caught.value.message == "['join', 'head', '--port', '1'] None True"
