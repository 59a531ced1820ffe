"""Connecting to a Ray head: other programs are recognised, and Ray's own output stays out of the
way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.connection import ray_connection, ray_probe
from orchestrator.connection.ray_connection import check_reachable, connect
from orchestrator.connection.ray_words import ray_words_kept
from orchestrator.errors import ClusterUnavailable
from tests.support.ports import RAY_LIKE, listening, saying

WORDS = "[2026-11-30 06:15:56,095 W 1050 1081] rpc_client.h:153: Failed to connect to GCS"


@pytest.mark.parametrize(
    "words", [b"HTTP/1.0 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"\0\0"]
)
def test_another_program_at_the_address_is_told_as_that(words: bytes) -> None:
    with saying(words) as port, pytest.raises(ClusterUnavailable) as caught:
        check_reachable(f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port} does not answer as a Ray head does" in caught.value.message
    assert "token" not in caught.value.message


def test_what_says_nothing_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_probe.refuses_ray, "__defaults__", (0.05,))
    with listening() as port, pytest.raises(ClusterUnavailable, match="sent nothing within"):
        connect(f"127.0.0.1:{port}")


def test_what_speaks_as_a_ray_head_does_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with saying(RAY_LIKE) as port:
        check_reachable(f"127.0.0.1:{port}")
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with listening() as port:
        check_reachable(f"127.0.0.1:{port}")


def test_what_ray_writes_while_it_fails_goes_to_the_log_that_the_sentence_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: str, __: object, outcome: list[BaseException]) -> None:
        os.write(2, WORDS.encode())
        outcome.append(RuntimeError("version mismatch"))

    monkeypatch.setattr(ray_connection, "_init", fail)
    log = tmp_path / "ray.log"
    with saying(RAY_LIKE) as port, pytest.raises(ClusterUnavailable, match=str(log)):
        connect(f"127.0.0.1:{port}", log=log)
    assert log.read_text() == WORDS and capfd.readouterr().err == ""
    os.write(2, b"back")
    assert capfd.readouterr().err == "back"


def test_words_that_can_not_be_kept_are_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with ray_words_kept(tmp_path / "file" / "log"):
        os.write(2, b"words")
    assert capfd.readouterr().err == ""


def test_a_process_without_stderr_needs_none(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from orchestrator.connection.ray_words import ray_words_kept as kept\n"
        f"with kept(Path({str(tmp_path)!r}) / 'log'): print('inside')"
    )
    command = ["bash", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert done.stdout == "inside\n"
