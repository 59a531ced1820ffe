"""A gateway as a child process: what the demo, the benchmarks and the tests drive over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from http_gateway.access.auth import TOKEN_VARIABLE
from orchestrator.cluster.local_cluster import stop_local_cluster

POLL_S = 0.05
START_TIMEOUT_S = 120.0
"""A machine that is short of memory or of cores may take that long to start Ray."""
STOP_TIMEOUT_S = 120.0  # it saves what trains first


class GatewayStartError(RuntimeError):
    """The gateway ended or said nothing in time; the text has the end of its log."""


@dataclass
class GatewayProcess:
    """A running gateway. ``info`` is what it wrote to its port file."""

    process: subprocess.Popen[bytes]
    info: dict[str, Any]
    log_path: Path

    @property
    def url(self) -> str:
        url: str = self.info["url"]
        return url

    @classmethod
    def start(
        cls,
        storage_path: Path,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout_s: float = START_TIMEOUT_S,
        token: str | None = None,
    ) -> GatewayProcess:
        """Starts one and waits until it serves. Raises ``GatewayStartError``; a child that did not
        come up is ended."""
        gateway = cls.spawn(storage_path, arguments, env, token)
        try:
            gateway.wait_until_it_serves(timeout_s)
        except BaseException:
            gateway.stop()
            raise
        return gateway

    @classmethod
    def spawn(
        cls,
        storage_path: Path,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> GatewayProcess:
        """Starts ``python -m http_gateway`` on a free port.

        It listens on loopback and asks for ``token`` alone: the user's, which the caller need not
        know, is kept from it. Its own process group keeps a Ctrl-C in the terminal from reaching
        it twice.
        """
        storage_path = storage_path.absolute()
        storage_path.mkdir(parents=True, exist_ok=True)
        port_file, log_path = storage_path / "gateway.json", storage_path / "gateway.log"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "http_gateway", "--port", "0"]
        command += [
            "--host",
            "127.0.0.1",
            "--port-file",
            str(port_file),
            "--storage-path",
            str(storage_path),
            *arguments,
        ]
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_with_token(os.environ if env is None else env, token),
                cwd=storage_path,  # `-m` makes the current folder importable, here and in Ray
                start_new_session=True,
            )
        return cls(process, {}, log_path)

    def wait_until_it_serves(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Raises ``GatewayStartError`` if it does not."""
        self.info = self._wait_for(self.log_path.with_name("gateway.json"), timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ends it as Ctrl-C would, then by force, with its cluster; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
            stop_local_cluster(self.log_path.parent)
            return code

    def _wait_for(self, port_file: Path, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while not port_file.exists():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                reason = "ended" if ended else f"did not serve within {timeout_s:.0f} s"
                tail = self.log_path.read_text(errors="replace")[-2000:]
                raise GatewayStartError(f"the gateway {reason}:\n{tail}")
            time.sleep(POLL_S)
        info: dict[str, Any] = json.loads(port_file.read_text())
        return info


def _with_token(env: Mapping[str, str], token: str | None) -> dict[str, str]:
    foreign = (TOKEN_VARIABLE, f"{TOKEN_VARIABLE}_FILE")
    own = {name: value for name, value in env.items() if name not in foreign}
    return own if token is None else {**own, TOKEN_VARIABLE: token}
