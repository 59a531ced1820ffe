"""Real Ray nodes as a user starts them, several on one host, each ended by its own process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.ports import consecutive_free_ports, free_ports

START_TIMEOUT_S = 120.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RayNode:
    """One ``ray start --block`` and everything it started."""

    port: int
    process: subprocess.Popen[bytes]

    def processes(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def raylet(self) -> psutil.Process:
        return next(p for p in self.processes() if p.name() == "raylet")

    def kill(self) -> None:
        """The machine is switched off: everything dies at once."""
        for process in reversed(self.processes()):
            with suppress(psutil.NoSuchProcess):  # it may go with another one
                process.kill()
        self.process.wait(10)


@dataclass(frozen=True)
class BareEnvironment:
    """A second Python environment, with Ray and torch and nothing of Tandem's."""

    python: str
    env: dict[str, str]

    @classmethod
    def make(cls, folder: Path) -> BareEnvironment:
        """Borrows the installed packages; the project itself is installed in place by a ``.pth``
        file, which counts in an environment's own folder only."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        packages = sysconfig.get_path("purelib")
        environment = cls(str(folder / "bin" / "python"), {"PYTHONPATH": packages})
        environment.add_command("ray", "ray.scripts.scripts:main")
        return environment

    def with_packages(self, folder: Path) -> BareEnvironment:
        """The same, with the packages in ``folder`` installed as well."""
        paths = f"{folder}{os.pathsep}{self.env['PYTHONPATH']}"
        return BareEnvironment(self.python, {"PYTHONPATH": paths})

    def without(self, package: str, folder: Path) -> BareEnvironment:
        """The same, but ``package`` is not installed; ``folder`` gets links to all others."""
        folder.mkdir()
        for entry in Path(self.env["PYTHONPATH"]).iterdir():
            if entry.name.partition("-")[0].lower() != package:
                (folder / entry.name).symlink_to(entry)
        return BareEnvironment(self.python, {"PYTHONPATH": str(folder)})

    def with_tandem(self, folder: Path) -> BareEnvironment:
        """The same, with a copy of Tandem in ``folder`` and its command."""
        for package in ("actors", "orchestrator", "http_gateway"):
            shutil.copytree(ROOT / package, folder / package)
        self.add_command("tandem", "http_gateway.cli.start:main")
        return self.with_packages(folder)

    @property
    def first_in_path(self) -> dict[str, str]:
        """The variables of a shell that has this environment's commands."""
        return {**self.env, "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}"}

    def add_command(self, name: str, function: str) -> None:
        """Writes the script that pip makes of an entry point ``module:function``."""
        module, _, attribute = function.partition(":")
        script = self._bin / name
        script.write_text(f"#!{self.python}\nfrom {module} import {attribute}\n{attribute}()\n")
        script.chmod(0o755)

    @property
    def _bin(self) -> Path:
        return Path(self.python).parent

    def can_import(self, modules: str) -> bool:
        """One, or several by commas."""
        return self.run(f"import {modules}").returncode == 0

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-c", code],
            env={**os.environ, **self.env},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass
class RayCluster:
    """A head and more nodes, with their own temporary folder and home."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tr-", dir="/tmp")))
    nodes: list[RayNode] = field(default_factory=list)
    address: str = ""

    @property
    def env(self) -> dict[str, str]:
        """For every process of this cluster; no token, whatever the user's home has."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),  # what Ray leaves there goes with it
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_raylet_start_wait_time_s": str(int(START_TIMEOUT_S)),
        }

    def start_head(self, *arguments: str) -> RayNode:
        gcs_port, dashboard, client = free_ports(3)
        self.address = f"{_own_ip()}:{gcs_port}"
        extra = ["--head", f"--port={gcs_port}", f"--dashboard-port={dashboard}"]
        extra += [f"--temp-dir={self.folder / 'ray'}", "--include-dashboard=false"]
        extra += [f"--ray-client-server-port={client}"]
        return self._start([*extra, *arguments])

    def start_node(self, *arguments: str, environment: BareEnvironment | None = None) -> RayNode:
        return self._start([f"--address={self.address}", *arguments], environment)

    def restart(self, number: int, *arguments: str) -> RayNode:
        """A further node that has ended comes back under its port, as another Ray node."""
        extra = [f"--address={self.address}", *arguments]
        node = self._start(extra, port=self.nodes[number].port)
        self.nodes[number] = self.nodes.pop()
        return node

    def stop(self) -> None:
        """All at once, by force: politely it takes long."""
        for node in reversed(self.nodes):
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(
        self,
        arguments: list[str],
        environment: BareEnvironment | None = None,
        port: int | None = None,
    ) -> RayNode:
        if port is None:
            # Of those that the system gives to no connection: a node that comes back needs its own.
            (port,) = consecutive_free_ports(1)
        log = self.folder / f"node-{port}.log"
        python = environment.python if environment else sys.executable
        command = [python, "-m", "ray.scripts.scripts", "start", "--block"]
        command += [
            f"--node-manager-port={port}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--num-cpus=2",
            "--object-store-memory=200000000",
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**self.env, **(environment.env if environment else {})},
                cwd=self.folder,  # not the project's: it would be importable
                start_new_session=True,
            )
        node = RayNode(port, process)
        self.nodes.append(node)
        _wait_for_start(node, log)
        return node


def _wait_for_start(node: RayNode, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while "Ray runtime started" not in log.read_text(errors="replace"):
        if node.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Ray node did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def _own_ip() -> str:
    import ray

    return str(ray.util.get_node_ip_address())
