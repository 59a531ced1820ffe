"""A home network: a head and two devices with addresses and environments of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.hosts import Host, Network, Service, clean_environment
from tests.support.links import Link
from tests.support.ray_nodes import BareEnvironment

TANDEM = [sys.executable, "-m", "http_gateway.cli"]
LINKS = (
    Link(),
    Link(mbit_per_s=1000),
    Link(mbit_per_s=1000, delay_ms=1),
    Link(mbit_per_s=100),
    Link(mbit_per_s=100, delay_ms=5),
    Link(loss_percent=1),
)
URL = "http://127.0.0.1:4000"
TRAIN = """
import json, sys
from http_gateway.client import TandemClient
url, ips, epochs = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
client = TandemClient(url, timeout_s=60.0)
job_id = client.create_job(
    {"layer_sizes": [784, 128, 64, 10]}, {"name": "MNIST", "batch_size": 256}
)
for ip in ips:
    client.register_device(ip=ip, port=5001, job_id=job_id)
client.initialize(job_id)
client.train(job_id, epochs=epochs, num_microbatches=2, threads=1)
job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=200)
print(json.dumps(job))
if job["status"] == "completed":
    open("model.safetensors", "wb").write(client.get_model(job_id))
client.delete_job(job_id)
"""


@dataclass
class HomeNetwork:
    """Three hosts by the README's words: `tandem head`, `tandem join`, and a plain `ray start` in
    an environment without anything of Tandem's."""

    network: Network
    services: list[Service] = field(default_factory=list)

    @property
    def hosts(self) -> list[Host]:
        """The head, the laptop that has Tandem, the mini-PC that has not."""
        return self.network.hosts

    @property
    def head(self) -> Host:
        return self.hosts[0]

    @property
    def model_file(self) -> Path:
        """What the last training has given."""
        return self.head.home / "model.safetensors"

    @classmethod
    def start(cls, folder: Path, data_dir: Path) -> HomeNetwork:
        """All hosts and the gateway, up; nothing is left of what did not start."""
        home = cls(Network(folder))
        try:
            for _ in range(3):
                home.network.add_host()
            home._start_services(BareEnvironment.make(folder / "bare"), data_dir)
        except BaseException:
            home.stop()
            raise
        return home

    def train(self, hosts: Sequence[Host], epochs: int) -> dict[str, Any]:
        """The document's MNIST job over REST; the job's details at its end."""
        ips = ",".join(host.ip for host in hosts)
        script = [sys.executable, "-c", TRAIN, URL, ips, str(epochs)]
        done = self.head.run(script, clean_environment(), timeout_s=250)
        assert done.returncode == 0, done.stderr
        job: dict[str, Any] = json.loads(done.stdout)
        assert job["status"] == "completed", job.get("error")
        return job

    def stop(self) -> None:
        try:
            for service in reversed(self.services):
                service.stop()
        finally:
            self.network.remove()

    def _start_services(self, bare: BareEnvironment, data_dir: Path) -> None:
        head, laptop, mini = self.hosts
        address = f"{head.ip}:6379"
        first = self._add(head.start([*TANDEM, "head"], clean_environment(), "head"))
        assert f"tandem join {address}" in first.wait_for("Ctrl-C ends the cluster")
        token = (head.home / ".tandem" / "tokens" / f"{head.ip}_6379").read_text()
        env = {**clean_environment(), "RAY_AUTH_TOKEN": token}
        joined = self._add(laptop.start([*TANDEM, "join", head.ip], env, "join"))
        command = [bare.python, "-m", "ray.scripts.scripts", "start", f"--address={address}"]
        command += ["--node-manager-port=5001", "--block"]
        plain = {**env, **bare.env, "RAY_AUTH_MODE": "token"}
        started = self._add(mini.start(command, plain, "ray"))
        joined.wait_for("Joined")
        started.wait_for("Ray runtime started")
        serve = [*TANDEM, "serve", "--ray-address", address]
        data = {**clean_environment(), "TANDEM_DATA_DIR": str(data_dir)}
        self._add(head.start(serve, data, "gateway")).wait_for("Ctrl-C stops it")

    def _add(self, service: Service) -> Service:
        self.services.append(service)
        return service
