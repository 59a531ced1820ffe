"""The code that runs on a node, run here; it needs nothing from Tandem."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import ray
import torch

from orchestrator.cluster.embedded_nodes import free_port
from orchestrator.devices.node_probe import describe_host
from orchestrator.doctor import checkup
from orchestrator.doctor.checkup import Examiner, examine_host, torch_accelerators, try_connections
from orchestrator.doctor.facts import HostFacts
from tests.support.ports import listening

WITHOUT_TANDEM = """
import sys
for name in ("actors", "orchestrator", "http_gateway"):
    sys.modules[name] = None  # importing it fails
import ray.cloudpickle
examiner = ray.cloudpickle.loads(sys.stdin.buffer.read())()
print(examiner.examine("/", [])["host"]["versions"]["python"], examiner.clock() > 0)
print("torch" in sys.modules)
"""


def test_the_host_tells_what_a_checkup_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    told = HostFacts(**examine_host(str(tmp_path)))
    assert (told.os, told.auth_mode) == (describe_host()["os"], "token")
    assert told.versions["python"] == platform.python_version()
    assert all(told.versions[name] for name in ("ray", "torch", "numpy"))
    assert told.disk_bytes and told.free_disk_bytes and told.free_disk_bytes <= told.disk_bytes


def test_a_folder_that_is_not_there_leaves_its_disk_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkup, "SHARED_MEMORY", "/no/such/shm")
    told = examine_host("/no/such/folder")
    assert told["disk_bytes"] is told["free_disk_bytes"] is told["shared_memory_bytes"] is None


def test_connections_that_fail_are_told_with_their_reason() -> None:
    closed = ("127.0.0.1", free_port())
    with listening() as port:
        refused = try_connections([("127.0.0.1", port), closed])
    assert refused == {closed: "Connection refused"}
    assert try_connections([]) == {}


def test_an_examiner_listens_at_a_port_of_the_kernels_range(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "range").write_text("40000\t40100\n")
    monkeypatch.setattr(checkup, "FREE_PORTS", str(tmp_path / "range"))
    examiner = checkup.Examiner()
    port, free = examiner.listen("127.0.0.1")
    assert free == "40000:40100"
    assert examiner.connect([("127.0.0.1", port)]) == {}
    assert examiner._listens is not None
    examiner._listens.close()
    monkeypatch.setattr(checkup, "FREE_PORTS", str(tmp_path / "no such file"))
    assert checkup.free_ports() == "49152:65535"


def test_a_broken_torch_sees_no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert torch_accelerators() == []


@pytest.mark.parametrize(
    ("kind", "count", "seen"),
    [
        ("xpu", 2, ["xpu: Arc 0", "xpu: Arc 1"]),
        ("mps", 1, ["mps"]),  # PyTorch has no name for it
        (None, 0, []),
    ],
)
def test_every_kind_of_accelerator_that_torch_knows_is_seen(
    monkeypatch: pytest.MonkeyPatch, kind: str | None, count: int, seen: list[str]
) -> None:
    device = kind and torch.device(kind)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: device)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda index: f"Arc {index}")
    assert torch_accelerators() == seen


def test_the_examiner_needs_nothing_of_tandems_and_imports_no_torch_unasked() -> None:
    code = ray.cloudpickle.dumps(Examiner)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TANDEM], input=code, capture_output=True, timeout=60
    )
    said = done.stdout.decode().split()
    assert said == [platform.python_version(), "True", "False"], done.stderr


def test_what_is_sent_comes_back_and_what_is_fetched_has_its_size() -> None:
    examiner = Examiner()
    assert examiner.echo(b"12345678") == b"12345678"
    assert len(examiner.make(1000)) == 1000
