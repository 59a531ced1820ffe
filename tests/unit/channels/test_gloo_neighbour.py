"""What a receiver by gloo sees of a neighbour in another process that is killed or frozen."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from actors.channels.gloo import GlooReceiver
from actors.channels.gloo_group import GlooGroup
from actors.core.errors import ChannelClosed
from tests.support.gloo_neighbour import OPEN_TIMEOUT_S

NEVER_S = 60.0


@pytest.fixture
def neighbour() -> Iterator[tuple[subprocess.Popen[str], GlooReceiver]]:
    """It, and the receiving end of what it never sends."""
    command = [sys.executable, "-m", "tests.support.gloo_neighbour"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            told = pickle.loads(bytes.fromhex(process.stdout.readline()))
            group = GlooGroup(1, "127.0.0.1", "0 -> 1", OPEN_TIMEOUT_S)
            group.meet(told)
            process.stdin.write(pickle.dumps(group.introduction()).hex() + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "connected\n"
            group.ready()
            yield process, GlooReceiver(group, 1000, 2)
            group.close()
        finally:
            process.kill()


def test_a_killed_neighbour_is_told_at_once(
    neighbour: tuple[subprocess.Popen[str], GlooReceiver],
) -> None:
    process, receiver = neighbour
    threading.Timer(0.05, process.kill).start()
    begin = time.monotonic()
    with pytest.raises(ChannelClosed, match="neighbour is gone"):
        receiver.get(NEVER_S)
    assert time.monotonic() - begin < NEVER_S / 4


def test_who_waits_for_a_frozen_neighbour_is_woken_by_closing(
    neighbour: tuple[subprocess.Popen[str], GlooReceiver],
) -> None:
    process, receiver = neighbour
    process.send_signal(signal.SIGSTOP)
    threading.Timer(0.05, receiver.close).start()
    begin = time.monotonic()
    with pytest.raises(ChannelClosed, match="channel was closed"):
        receiver.get(NEVER_S)
    assert time.monotonic() - begin < NEVER_S / 4
