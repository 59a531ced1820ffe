"""Nothing is left by a command that was interrupted at any moment, by whatever."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.embedded_nodes import STARTED
from tests.chaos.interrupted import COMMANDS, HOWS, Run, World, interrupt, start_time
from tests.support.jobs import create_job, wait_for_step
from tests.support.ports import consecutive_free_ports

MOMENTS = 6  # of a command's start, in the extended run

Moment = float | Callable[[Run], bool]


@pytest.fixture
def world(
    gateway: GatewayProcess, client: TandemClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(home))
    yield World(gateway)
    World(gateway).clear()


def spawns(run: Run) -> bool:
    """The first node is being started, and not written down."""
    return (run.storage / "cluster.json").exists()


def has_started(run: Run) -> bool:
    """The head's Ray node is up."""
    log = run.storage / "ray-head.log"
    return log.exists() and STARTED in log.read_text(errors="replace")


def is_up(run: Run) -> bool:
    """The gateway serves."""
    return (run.folder / "up").exists()


@pytest.mark.parametrize(
    ("command", "how", "moment"),
    [("serve", "HUP", spawns), ("serve", "TERM", is_up), ("head", "HUP", has_started)],
)
def test_a_service_leaves_nothing(world: World, command: str, how: str, moment: Moment) -> None:
    assert interrupt(world, command, how, moment) == []


def test_a_gateway_whose_terminal_is_closed_saves_what_trains(tmp_path: Path) -> None:
    first, _ = consecutive_free_ports(2)
    arguments = ["--local-device-port", str(first)]
    env = {**os.environ, "HOME": str(tmp_path)}
    gateway = GatewayProcess.start(tmp_path, arguments, env)
    client = TandemClient(gateway.url, timeout_s=60.0)
    job_id = create_job(client, gateway.info["devices"], checkpoints={"interval_s": 3600})
    client.initialize(job_id)
    client.train(job_id, epochs=100_000, threads=1)
    wait_for_step(client, job_id)
    assert client.list_checkpoints(job_id) == []
    gateway.process.send_signal(signal.SIGHUP)
    assert gateway.process.wait(90) == 0, gateway.log_path.read_text()
    (manifest,) = (tmp_path / "checkpoints").rglob("manifest.json")
    assert json.loads(manifest.read_text())["about"]["total_steps"] > 0


@pytest.mark.parametrize(
    ("how", "moment"), [("PIPE", 0.0), ("INT", 0.1), ("HUP", 0.8), ("TERM", 1.5), ("INT", 2.5)]
)
def test_training_leaves_no_job_without_a_word(world: World, how: str, moment: Moment) -> None:
    assert interrupt(world, "train", how, moment) == []


@pytest.mark.parametrize("how", HOWS)
def test_questions_leave_nothing(world: World, how: str) -> None:
    assert interrupt(world, "watch", how, 0.3) == []


@pytest.mark.extended
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_leaves_anything_at_any_moment(world: World, command: str, how: str) -> None:
    took_s = start_time(world, command)
    wrong = {}
    for number in range(MOMENTS):
        world.clear()
        moment = 1.1 * took_s * number / (MOMENTS - 1)
        if found := interrupt(world, command, how, moment):
            wrong[moment] = found
    assert wrong == {}
