"""Interrupts a command at a moment, and looks what it has left.

    python -m tests.chaos.interrupted serve train --moments 20 --how INT HUP

goes through the moments of these commands, from their beginning until they are up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import psutil
import yaml

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.cluster_tokens import token_file
from orchestrator.cluster.local_cluster import stop_local_cluster
from orchestrator.cluster.node_keeper import why_taken
from orchestrator.cluster.own_processes import members
from orchestrator.cluster.ray_start import MAX_DEVICE_PORT, NodePorts
from tests.support.hosts import clean_environment
from tests.support.ports import consecutive_free_ports, free_ports

TANDEM = "from http_gateway.cli.start import main; main()"
MARK = "INTERRUPTED_RUN"
SERVICES = ("serve", "serve-nodes", "head", "join")
"""Commands that go on if nobody reads their output, until they are asked to end."""
PIPE = "PIPE"
HOWS = ("INT", "TERM", "HUP", PIPE)
USAGE = 2  # exit code of a command line that is refused
MIN_DEVICE_PORT = 2000
UP_WORDS = (b"Ctrl-C", b"progress", b"First optimiser", b" is created")
RAYS_LOGS = "ray"  # of `head` and `join`: Ray keeps them, as without Tandem
END_S = 150.0
LEFT_S = 10.0
QUIET_TRACEBACK = "Traceback (most recent call last)"

Setup = Callable[["World", "Run"], list[str]]


@dataclass
class Run:
    """One run of a command, in its own folders; all processes that it starts have ``marks``."""

    folder: Path
    marks: dict[str, str] = field(default_factory=lambda: {MARK: token_hex()})
    at_end: list[Callable[[], object]] = field(default_factory=list)

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def temp(self) -> Path:
        return self.folder / "tmp"

    @property
    def env(self) -> dict[str, str]:
        own = {"HOME": str(self.folder), "TMPDIR": str(self.temp)}
        return {**clean_environment(), **own, **self.marks}

    def ray_folder(self) -> Path | None:
        """The folder of the cluster that the command has started, if it has begun to."""
        with suppress(OSError, ValueError):
            return Path(json.loads((self.storage / "cluster.json").read_text())["temp_dir"])
        return None


@dataclass
class World:
    """The gateway that commands ask."""

    gateway: GatewayProcess

    @property
    def client(self) -> TandemClient:
        return TandemClient(self.gateway.url, timeout_s=60.0)

    def clear(self) -> None:
        """No job is left."""
        for job in self.client.list_jobs():
            with suppress(ApiError):
                self.client.delete_job(job["job_id"], force=True)


def _serve(world: World, run: Run) -> list[str]:
    (port,) = free_ports(1)
    arguments = ["--storage-path", run.storage, "--port", port]
    return ["serve", *map(str, arguments), "--port-file", str(run.folder / "up")]


def _serve_nodes(world: World, run: Run) -> list[str]:
    first, _ = consecutive_free_ports(2)
    return [*_serve(world, run), "--local-nodes", "--local-device-port", str(first)]


def _demo(world: World, run: Run) -> list[str]:
    return ["demo"]


def _head(world: World, run: Run) -> list[str]:
    (port,) = free_ports(1)
    ports = ["--port", port, "--device-port", _free_device()]
    return ["head", *map(str, ports), "--storage-path", str(run.storage)]


def _free_device() -> int:
    """The port of a device whose node would have all its ports."""
    tried = random.sample(range(MIN_DEVICE_PORT, MAX_DEVICE_PORT), 100)
    return next(p for p in tried if not any(map(why_taken, NodePorts(p).servers.values())))


def _head_detached(world: World, run: Run) -> list[str]:
    return [*_head(world, run), "--detach"]


def _join(world: World, run: Run) -> list[str]:
    """A head that is there."""
    elsewhere = Run(run.folder / "head")
    elsewhere.temp.mkdir(parents=True)
    command = [sys.executable, "-c", TANDEM, *_head_detached(world, elsewhere)]
    done = subprocess.run(command, env=elsewhere.env, capture_output=True, text=True, check=True)
    (address,) = re.findall(r"tandem join (\S+)", done.stdout)
    run.at_end.append(lambda: _end_left(elsewhere))
    token = token_file(elsewhere.storage, address)
    ports = ["--port", str(_free_device()), "--token-file", str(token)]
    return ["join", address, *ports, "--storage-path", str(run.storage)]


def _stop(world: World, run: Run) -> list[str]:
    """For a cluster whose gateway was killed."""
    gateway = GatewayProcess.start(run.storage, [], run.env)
    gateway.process.kill()
    gateway.process.wait()
    return ["stop", "--storage-path", str(run.storage)]


def _train(world: World, run: Run) -> list[str]:
    file = run.folder / "job.yaml"
    devices = world.gateway.info["devices"][:2]
    job = {
        "model_config": {"layer_sizes": [784, 64, 10]},
        "dataset_config": {"name": "digits", "resize": [28, 28]},
        "devices": devices,
        "train": {"epochs": 100_000},
    }
    file.write_text(yaml.safe_dump(job))
    return ["train", str(file), "--url", world.gateway.url, "--json"]


def _asking(*words: str) -> Setup:
    """A command about a job that is there."""

    def setup(world: World, run: Run) -> list[str]:
        client = world.client
        data = {"name": "digits", "resize": [28, 28]}
        job_id = client.create_job({"layer_sizes": [784, 64, 10]}, data)
        client.register_device(**world.gateway.info["devices"][0], job_id=job_id)
        job = [] if words == ("doctor",) else [job_id]
        return [*words, *job, "--url", world.gateway.url]

    return setup


COMMANDS: dict[str, Setup] = {
    "serve": _serve,
    "serve-nodes": _serve_nodes,
    "demo": _demo,
    "head": _head,
    "head-detached": _head_detached,
    "join": _join,
    "stop": _stop,
    "train": _train,
    "watch": _asking("watch"),
    "plan": _asking("plan"),
    "doctor": _asking("doctor"),
    "pause": _asking("pause"),
}


def interrupt(
    world: World, command: str, how: str, moment: float | Callable[[Run], bool]
) -> list[str]:
    """What is wrong after the command was interrupted ``moment`` seconds after its beginning, or as
    soon as that is true; nothing if all is well."""
    with _new_run() as run:
        arguments = COMMANDS[command](world, run)
        errors = run.folder / "stderr"
        with errors.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-c", TANDEM, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                env=run.env,
                cwd=run.folder,
                start_new_session=True,
            )
        assert process.stdout is not None
        try:
            _wait(run, process, moment)
            ray_folder = run.ray_folder()
            if how == PIPE:
                process.stdout.close()
                how = "TERM" if command in SERVICES else how
            if how != PIPE:
                process.send_signal(getattr(signal, f"SIG{how}"))
            return _wrong(world, run, process, ray_folder, errors, command)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _wait(
    run: Run, process: subprocess.Popen[bytes], moment: float | Callable[[Run], bool]
) -> None:
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < END_S:
        if moment(run) if callable(moment) else time.monotonic() - began >= moment:
            return
        time.sleep(0.005)


def _wrong(
    world: World,
    run: Run,
    process: subprocess.Popen[bytes],
    ray_folder: Path | None,
    errors: Path,
    command: str,
) -> list[str]:
    found = []
    code = _ended(process, END_S)
    said = errors.read_text(errors="replace")
    if code is None:
        found.append(f"it runs on after {END_S:.0f} s")
    if QUIET_TRACEBACK in said:
        found.append(f"it ends with a traceback: {said[-1500:]}")
    if command == "head-detached" and code == 0:  # it was quicker
        return found + _end_left(run)
    if command == "stop" and (run.storage / "cluster.json").exists():
        stop_local_cluster(run.storage)  # begun or not: the next one ends the rest
    deadline = time.monotonic() + LEFT_S
    while (left := members([], run.marks)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        found.append(f"processes are left: {[' '.join(p.cmdline())[:90] for p in left]}")
    if (run.storage / "cluster.json").exists():
        found.append("the state of a cluster is left")
    folders = [path for path in run.temp.iterdir() if path.name != RAYS_LOGS]
    folders += [ray_folder] if ray_folder else []
    if there := [str(folder) for folder in folders if folder.exists()]:
        found.append(f"folders are left: {there}")
    if command == "train":
        found += _untold_jobs(world, said)
    return found


def _untold_jobs(world: World, said: str) -> list[str]:
    """Jobs that are left without a word, and devices that are held by none."""
    told = [job["job_id"] for job in world.client.list_jobs() if f"ob {job['job_id']} " in said]
    jobs = [job["job_id"] for job in world.client.list_jobs()]
    held = {device["held_by"] for device in world.client.list_devices()} - {None, *told}
    found = [f"job {job} is left untold: {said}" for job in jobs if job not in told]
    return found + [f"a device is held by job {job}" for job in held]


def _end_left(run: Run) -> list[str]:
    """Ends a head in the background as its words say: by SIGINT to its keeper."""
    for process in members([], run.marks):
        with suppress(psutil.Error):
            if "head" in process.cmdline():
                process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + END_S
    while members([], run.marks) and time.monotonic() < deadline:
        time.sleep(0.1)
    return ["the head in the background does not end"] if members([], run.marks) else []


def _ended(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(timeout_s)
    return None


@contextmanager
def _new_run() -> Iterator[Run]:
    run = Run(Path(tempfile.mkdtemp(prefix="interrupted-")))
    run.temp.mkdir()
    run.storage.mkdir()
    try:
        yield run
    finally:
        for process in members([], run.marks):
            with suppress(psutil.Error):
                process.kill()
        for end in run.at_end:
            end()
        stop_local_cluster(run.storage)
        shutil.rmtree(run.folder, ignore_errors=True)


def start_time(world: World, command: str) -> float:
    """Seconds until it says something, or has ended."""
    with _new_run() as run:
        arguments = [sys.executable, "-c", TANDEM, *COMMANDS[command](world, run)]
        began = time.monotonic()
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, env=run.env, cwd=run.folder, start_new_session=True
        ) as process:
            assert process.stdout is not None
            while line := process.stdout.readline():
                if any(word in line for word in UP_WORDS):
                    break
            took_s = time.monotonic() - began
            process.send_signal(signal.SIGINT)
            assert _ended(process, END_S) != USAGE, "it was never begun"
            process.kill()
        if command == "head-detached":
            _end_left(run)
        return took_s


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="+", choices=[*COMMANDS, "all"])
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--how", nargs="+", choices=HOWS, default=HOWS)
    asked = parser.parse_args(arguments)
    commands = list(COMMANDS) if "all" in asked.commands else asked.commands
    failures = 0
    with world() as found:
        for command in commands:
            failures += _go_through(found, command, asked.moments, asked.how)
    print(f"{failures} went wrong")
    return min(failures, 1)


def _go_through(found: World, command: str, moments: int, hows: Sequence[str]) -> int:
    took_s = start_time(found, command)
    found.clear()
    print(f"{command} takes {took_s:.1f} s", flush=True)
    failures = 0
    for number in range(moments):
        moment = 1.1 * took_s * number / max(1, moments - 1)
        how = hows[number % len(hows)]
        wrong = interrupt(found, command, how, moment)
        found.clear()
        failures += bool(wrong)
        print(f"  {how} after {moment:.2f} s: {'; '.join(wrong) or 'well'}", flush=True)
    return failures


@contextmanager
def world() -> Iterator[World]:
    """A gateway of its own."""
    storage = Path(tempfile.mkdtemp(prefix="interrupted-"))
    first, *_ = consecutive_free_ports(2)
    os.environ["HOME"] = str(storage)
    gateway = GatewayProcess.start(storage, ["--local-device-port", str(first)])
    try:
        yield World(gateway)
    finally:
        gateway.stop()
        shutil.rmtree(storage, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
