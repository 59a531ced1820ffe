"""A home network: a head and two devices with their own addresses and environments."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.documents import cluster_block, paste
from tests.support.hosts import START_TIMEOUT_S, Host, Network, Service, clean_environment
from tests.support.links import Link
from tests.support.ray_nodes import BareEnvironment

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
import json, subprocess, sys
from http_gateway.client import TandemClient
url, ips, epochs = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
client = TandemClient(url, timeout_s=60.0)
job_id = client.create_job(
    {"layer_sizes": [784, 128, 64, 10]}, {"name": "MNIST", "batch_size": 256}
)
for ip in ips:
    call = sys.argv[4].replace("192.168.1.6", ip).replace('"job_id": "1"', f'"job_id": "{job_id}"')
    done = subprocess.run(["bash", "-ec", call], capture_output=True, text=True)
    assert "device_id" in done.stdout, done
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
    """Three hosts with the commands of ``docs/own_cluster.md``: `tandem head`, `tandem join`, and a
    plain `ray start` in an environment without Tandem. Each host has its own environment."""

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
        """The result of the last training."""
        return self.head.home / "model.safetensors"

    @classmethod
    def start(cls, folder: Path, data_dir: Path) -> HomeNetwork:
        """All hosts and the gateway, up; nothing is left of what did not start."""
        home = cls(Network(folder))
        try:
            for _ in range(3):
                home.network.add_host()
            home._start_services(folder, data_dir)
        except BaseException:
            home.stop()
            raise
        return home

    def train(self, hosts: Sequence[Host], epochs: int) -> dict[str, Any]:
        """The document's MNIST job over REST; the job's details at its end."""
        ips = ",".join(host.ip for host in hosts)
        register = cluster_block("/api/devices/register")
        script = [sys.executable, "-c", TRAIN, URL, ips, str(epochs), register]
        done = self.head.run(script, clean_environment(), timeout_s=250)
        assert done.returncode == 0, done.stderr
        job: dict[str, Any] = json.loads(done.stdout)
        assert job["status"] == "completed", job.get("error")
        return job

    def stop(self) -> None:
        """All at once, by force: politely it takes long."""
        self.network.remove()
        for service in self.services:
            service.process.wait(10)

    def _start_services(self, folder: Path, data_dir: Path) -> None:
        head, laptop, mini = self.hosts
        run_head, serve = cluster_block("tandem head").splitlines()
        said = self._paste(head, run_head, "head").wait_for("Ctrl-C ends the cluster")
        (command,) = re.findall(r"asks for the token that this shows here: (.*)", said)
        token = head.run(shlex.split(command), clean_environment()).stdout.strip()
        own = BareEnvironment.make(folder / "own").with_tandem(folder / "tandem")
        env = {**own.first_in_path, "RAY_AUTH_TOKEN": token}  # instead of a prompt
        joined = self._paste(laptop, cluster_block("tandem join"), "join", env=env)
        bare = BareEnvironment.make(folder / "bare").first_in_path
        start = cluster_block("ray start --address")
        started = self._paste(mini, start, "ray", token=token, env=bare)
        data = {"TANDEM_DATA_DIR": str(data_dir)}
        gateway = self._paste(head, serve, "gateway", env=data)
        assert started.process.wait(START_TIMEOUT_S) == 0, started.log.read_text()
        joined.wait_for("Joined")
        gateway.wait_for("Ctrl-C stops it")

    def _paste(self, host: Host, text: str, name: str, **options: Any) -> Service:
        service = paste(host, text, name, self.head.ip, **options)
        self.services.append(service)
        return service
