"""``tandem head`` and ``tandem join``: make this device a part of the user's own cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from http_gateway.cli.cluster.head import Head
from http_gateway.cli.cluster.member import Member
from http_gateway.cli.cluster.registration import Registration
from http_gateway.process.interrupts import SIGNALS, held, interruptible
from orchestrator.cluster.cluster_tokens import (
    FROM_ENVIRONMENT,
    save_token,
    show_token,
    token_file,
)
from orchestrator.cluster.embedded_nodes import POLL_S, child_env, free_port
from orchestrator.cluster.node_keeper import NodeKeeper, why_taken
from orchestrator.cluster.ray_start import (
    CLUSTER_VARIABLES,
    JOINING_VARIABLES,
    MAX_DEVICE_PORT,
    MAX_PORT,
    MIN_PORT,
    NodePorts,
)
from orchestrator.connection.ray_connection import check_reachable
from orchestrator.errors import ClusterUnavailable, InvalidRequest
from orchestrator.files.temp_folder import folder_for_node
from orchestrator.settings import Settings

END_TIMEOUT_S = 40.0  # Ray's processes get a while before they are killed
RUN = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from http_gateway.cli.start import main; main()"
)
"""The ``tandem`` command in the current folder, which its arguments may be relative to, but without
importing what lies there."""


@dataclass(frozen=True)
class NodeOptions:
    """Options of both commands. ``detach`` leaves the keeper running in the background."""

    device_port: int
    num_devices: int
    detach: bool

    @property
    def devices(self) -> Sequence[int]:
        """Their ports."""
        return range(self.device_port, self.device_port + self.num_devices)


@held()
def run_head(settings: Settings, port: int, options: NodeOptions) -> None:
    """Starts a cluster's head, and keeps it until Ctrl-C."""
    os.environ.update(CLUSTER_VARIABLES)
    _check_ports(
        [port], lambda: f"is a head running here already? If not, add --port {_free_port(port)}"
    )
    _check_ports(
        NodePorts(options.device_port).servers.values(),
        lambda: (
            "has this host joined a cluster already? If not, add --device-port "
            f"{_free_device(options)}"
        ),
    )
    if options.detach:
        return _detach(settings.storage_path / "head.log", "Ctrl-C ends the cluster")
    ports = NodePorts(options.device_port)
    head = Head(settings, port, ports, options.devices, _temp_dir())
    log = settings.storage_path / "ray-head.log"
    keeper = NodeKeeper(head.arguments, ports, _env(head.token), log, _say, head.has_left)
    _keep(keeper, head.say_started, head.say_back)


@held()
def run_join(
    settings: Settings,
    head: str,
    options: NodeOptions,
    given_token_file: Path | None,
    registration: Registration | None,
) -> None:
    """Joins the cluster at ``head`` (host:port) and stays in it until Ctrl-C."""
    os.environ.update(JOINING_VARIABLES)
    check_reachable(head)
    ports = NodePorts(options.device_port)
    _check_ports(
        ports.servers.values(),
        lambda: (
            "has it joined already? End that with Ctrl-C, or join as one more device: "
            f"`tandem join {head} --port {_free_device(options)}`"
        ),
    )
    storage = settings.storage_path
    known = token_file(storage, head).exists() and given_token_file is None
    token = _find_token(storage, head, given_token_file)

    own_log, log = (storage / f"{name}-{options.device_port}.log" for name in ("join", "ray-join"))
    try:
        if options.detach:
            return _detach(own_log, "Ctrl-C leaves the cluster", given_token_file is not None)
        member = Member(settings, head, ports, options.devices, _temp_dir(), registration)
        env = _env(token)
        keeper = NodeKeeper(member.arguments, ports, env, log, _say, member.has_left, head)
        _keep(keeper, member.say_started, member.say_back)
    except ClusterUnavailable as error:
        if token is None:
            raise ClusterUnavailable(f"{error.message}. {_variables_text()}") from error
        if not known:
            token.unlink(missing_ok=True)  # it may be the wrong one: the next time asks again
        raise


def _temp_dir() -> Path:
    """For Ray's files; says so if it differs from the user's variables."""
    folder = folder_for_node(os.environ)
    if folder.note is not None:
        typer.echo(folder.note)
    return folder.path


def _keep(keeper: NodeKeeper, started: Callable[[], None], back: Callable[[], None]) -> None:
    """Until it is interrupted; a pipe that nobody reads any more is no reason to end a node."""
    try:
        try:
            with interruptible(SIGNALS):
                keeper.keep(started, back)
        finally:
            keeper.end()
    except KeyboardInterrupt:
        typer.echo("Ray has ended on this device.")


def _env(token: Path | None) -> dict[str, str]:
    """For ``ray start``, with the cluster's token or the user's own variables for it."""
    if token is None:
        own = {name: os.environ[name] for name in FROM_ENVIRONMENT if os.environ.get(name)}
        return child_env({"RAY_AUTH_MODE": "token", **own})
    return child_env({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)})


def _variables_text() -> str:
    """The user's variables that contained the token."""
    given = " and ".join(name for name in FROM_ENVIRONMENT if os.environ.get(name))
    return f"The token comes from the variables {given}"


def _find_token(storage_path: Path, head: str, given: Path | None) -> Path | None:
    """The cluster's token file; None where the user's own variables say it all.

    Never from the command line, where every user of the host could read it.
    """
    kept = token_file(storage_path, head)
    if given is not None:
        try:
            save_token(kept, given.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"--token-file {given} can't be read: {error}") from error
    elif any(os.environ.get(name) for name in FROM_ENVIRONMENT):
        return None
    elif not kept.exists():
        if not sys.stdin.isatty():
            raise InvalidRequest(
                f"no token of {head} is known here: give it by RAY_AUTH_TOKEN or --token-file; "
                f"on the head, `{show_token(head)}` shows it"
            )
        with interruptible():
            token = typer.prompt(f"Token of {head}", hide_input=True)
        save_token(kept, token)
    return kept


def _check_ports(ports: Iterable[int], remedy: Callable[[], str]) -> None:
    """Raises ``InvalidRequest`` with the remedy when something has one of these ports."""
    for port in ports:
        if why := why_taken(port):
            raise InvalidRequest(f"port {port} is taken on this device ({why}): {remedy()}")


def _free_port(taken: int) -> int:
    """The next free port above, otherwise one from the system."""
    above = range(taken + 1, MAX_PORT + 1)
    return next((port for port in above if not why_taken(port)), 0) or free_port()


def _free_device(options: NodeOptions) -> int:
    """The first port for a device, above the wanted ones if there is one, whose node would have all
    its ports."""
    own = options.devices
    others = [*range(own[-1] + 1, MAX_DEVICE_PORT + 1), *range(MIN_PORT, own[0])]
    return next(p for p in others if not any(map(why_taken, NodePorts(p).servers.values())))


def _detach(log: Path, sign: str, token_is_given: bool = False) -> None:
    """Runs the same command in the background; returns once that has said ``sign``, the last of
    what it says when all is done. ``token_is_given`` by --token-file, and kept by now."""
    left_out = FROM_ENVIRONMENT if token_is_given else ()  # they would come before the one kept
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *_own_arguments(sys.argv[1:])],
            env={name: value for name, value in os.environ.items() if name not in left_out},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with interruptible():
            text = _wait_for(sign, process, log)
    except KeyboardInterrupt:
        _end(process, log)
        raise
    typer.echo(text.replace("Ctrl-C", f"kill -INT {process.pid}").strip())


def _own_arguments(given: Sequence[str]) -> list[str]:
    """Those of the command in the background; --token-file may be a pipe, which is read once."""
    arguments, left = [], iter(given)
    for argument in left:
        if argument == "--token-file":
            next(left, None)
        elif argument != "--detach" and not argument.startswith("--token-file="):
            arguments.append(argument)
    return arguments


def _wait_for(sign: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """The process's output, once it contains ``sign``; raises ``ClusterUnavailable``."""
    while sign not in (text := log.read_text(errors="replace")):
        if process.poll() is not None:  # it gives up by itself, within its own timeouts
            raise ClusterUnavailable(text.removeprefix("tandem: ").strip())
        time.sleep(POLL_S)
    return text


def _end(process: subprocess.Popen[bytes], log: Path) -> None:
    """Like Ctrl-C, which does not reach it."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        typer.echo(f"process {process.pid} has not ended yet: see {log}", err=True)


def _say(text: str) -> None:
    typer.echo(text)
