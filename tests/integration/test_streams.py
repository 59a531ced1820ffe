"""Actor calls as a channel, over real Ray: what ``StreamReceiver.get`` gives, and when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from http_gateway.process.gateway_process import GatewayProcess
from tests.support.printed import printed_json
from tests.support.streams import NUM_MESSAGES

ROOT = Path(__file__).resolve().parents[2]
CLOSED = "ChannelClosed: stage 0 -> stage 1: "


@pytest.fixture(scope="module")
def found(gateway: GatewayProcess) -> dict[str, Any]:
    """What came of each trial; one process does them all, for it takes seconds to join Ray."""
    storage = str(gateway.log_path.parent)
    command = [sys.executable, "-m", "tests.support.streams", gateway.info["ray_address"], storage]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    trials: dict[str, Any] = printed_json(done.stdout)
    return trials


def test_messages_small_and_large_come_whole_and_in_their_order(found: dict[str, Any]) -> None:
    assert found["order"] == list(range(NUM_MESSAGES))


def test_what_does_not_come_in_time_is_a_timeout_and_may_come_later(found: dict[str, Any]) -> None:
    ended, later = found["nothing_in_time"]
    assert ended.startswith("ChannelTimeout: stage 0 -> stage 1: ") and "0.7 s" in ended
    assert later == 7


@pytest.mark.parametrize("how", ["closed_here", "closed_there"])
def test_closing_either_end_wakes_who_waits(found: dict[str, Any], how: str) -> None:
    woken, afterwards = found[how]
    assert woken == afterwards == f"{CLOSED}the channel was closed"


def test_the_death_of_the_sender_wakes_who_waits(found: dict[str, Any]) -> None:
    woken, _ = found["killed"]
    assert woken.startswith(f"{CLOSED}the neighbour is gone (")
