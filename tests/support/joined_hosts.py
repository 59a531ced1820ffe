"""A head with its gateway, and devices that joined it: hosts whose links a test can cut."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from http_gateway.client import TandemClient
from tests.support.hosts import Host, Network, Service, clean_environment

TANDEM = [sys.executable, "-m", "http_gateway.cli"]
TOKEN = "a-token-of-these-very-tests"
DEVICE_PORT = 5001


@dataclass
class JoinedHosts:
    """The head is the gateway's host, and no device of any job; ``devices`` are the others."""

    network: Network
    services: list[Service] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path, data_dir: Path, num_devices: int) -> JoinedHosts:
        """Everything up; nothing is left of what did not start."""
        joined = cls(Network(folder))
        try:
            for _ in range(1 + num_devices):
                joined.network.add_host()
            joined._start_services(data_dir)
        except BaseException:
            joined.stop()
            raise
        return joined

    @property
    def devices(self) -> list[Host]:
        return self.network.hosts[1:]

    @property
    def client(self) -> TandemClient:
        head = self.network.hosts[0]
        return TandemClient(f"http://{head.ip}:4000", timeout_s=60.0, token=TOKEN)

    @property
    def token(self) -> str:
        """The cluster's, which the head keeps."""
        head = self.network.hosts[0]
        return (head.home / ".tandem" / "tokens" / f"{head.ip}_6379").read_text()

    def addresses(self, *numbers: int) -> list[dict[str, Any]]:
        """The registration of these devices, counted from 1."""
        return [{"ip": self.devices[n - 1].ip, "port": DEVICE_PORT} for n in numbers]

    def stop(self) -> None:
        """All at once, by force: politely it takes long."""
        self.network.remove()
        for service in self.services:
            service.process.wait(10)

    def _start_services(self, data_dir: Path) -> None:
        head, *devices = self.network.hosts
        env = clean_environment()
        first = head.start([*TANDEM, "head"], env, "head")
        self.services.append(first)
        first.wait_for("Ctrl-C ends the cluster")
        join = [*TANDEM, "join", head.ip]
        joining = [d.start(join, {**env, "RAY_AUTH_TOKEN": self.token}, "join") for d in devices]
        serve = [*TANDEM, "serve", "--host", head.ip, "--ray-address", f"{head.ip}:6379"]
        own = {**env, "TANDEM_API_TOKEN": TOKEN, "TANDEM_DATA_DIR": str(data_dir)}
        gateway = head.start(serve, own, "gateway")
        self.services += [*joining, gateway]
        for service in joining:
            service.wait_for("Joined")
        gateway.wait_for("Ctrl-C stops it")
