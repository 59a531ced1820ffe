"""``tandem doctor``: its display of a report, and its behaviour without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import Conflict
from tests.support.command_line import Tandem
from tests.support.fake_job_client import DOCTOR
from tests.support.ports import free_ports
from tests.support.scripted_job_client import ScriptedJobClient

WATCHED = """
import os, sys
class Watch:
    def find_spec(self, name, path, target=None):
        if name == "ray":
            print("ray:", os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"), file=sys.stderr)
sys.meta_path.insert(0, Watch())
from http_gateway.cli.main import app
app()
"""


def test_errors_end_it_with_1_and_each_finding_has_its_remedy_below(tandem: Tandem) -> None:
    result = tandem("doctor")
    assert (result.exit_code, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("✗ error"))
    assert "192.168.1.6:5001 (desk) has not answered within 11 s" in lines[first]
    assert lines[first + 1].strip() == (
        "on 192.168.1.6:5001: ray stop --force && tandem join 192.168.1.5:6379 --port 5001"
    )
    assert lines[first + 2].startswith("✓ ok") and "No clock is off" in lines[first + 2]
    assert lines[-1] == "The cluster is not fit to train: 1 error, no warnings."


def test_nodes_and_links_are_tables_with_what_is_not_known_left_out(tandem: Tandem) -> None:
    said = tandem("doctor").stdout
    (row,) = [line for line in said.splitlines() if "tower" in line]
    told = ("192.168.1.5:5001", "3.11.7", "1.2.3", "4.5.6", "12.0 GiB", "100.0 GiB", "CPU")
    assert all(part in row for part in told)
    links = [line.split() for line in said.splitlines()]
    assert ["192.168.1.5:5001", "192.168.1.6:5001", "–", "–"] in links


def test_warnings_alone_end_it_with_0(tandem: Tandem, fake: ScriptedJobClient) -> None:
    warning = {"level": "warning", "check": "clock", "node": None, "text": "Off", "remedy": "x"}
    node = {**DOCTOR["nodes"][0], "accelerators": ["cuda: A"], "versions": None}
    link = {"from": "a", "to": "b", "round_trip_s": 0.0021, "bytes_per_s": 112e6}
    report = {**DOCTOR, "ok": True, "findings": [warning], "nodes": [node], "links": [link]}
    fake.answers["doctor"] = report
    result = tandem("doctor")
    assert result.exit_code == 0
    assert "cuda: A" in result.stdout and "2.1 ms" in result.stdout and "112" in result.stdout
    assert "on the gateway's host: x" in result.stdout
    assert result.stdout.splitlines()[-1] == "The cluster is fit to train: no errors, 1 warning."


@pytest.mark.parametrize("ok", [True, False])
def test_json_is_the_report_as_it_came(tandem: Tandem, fake: ScriptedJobClient, ok: bool) -> None:
    report: dict[str, Any] = {**DOCTOR, "ok": ok}
    fake.answers["doctor"] = report
    result = tandem("doctor", "--json")
    assert json.loads(result.stdout) == report
    assert result.exit_code == (0 if ok else 1)


def test_without_a_gateway_this_host_is_looked_at(
    tandem: Tandem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TANDEM_STORAGE_PATH", str(tmp_path))
    (port,) = free_ports(1)
    result = tandem("doctor", "--url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.stderr) == (2, "")
    lines = result.stdout.splitlines()
    assert f"No gateway answers at http://127.0.0.1:{port}" in lines[0]
    assert any(line.strip() == "on the gateway's host: tandem serve" for line in lines)
    assert any("This host has python" in line for line in lines)
    assert lines[-1].startswith("Looked at this host alone: 1 error")
    report = json.loads(tandem("doctor", "--json", "--url", f"http://127.0.0.1:{port}").stdout)
    assert set(report) == set(DOCTOR) and not report["ok"]


def test_ray_is_told_of_clusters_before_it_is_imported(tmp_path: Path) -> None:
    """Otherwise, on macOS, it would call this host 127.0.0.1, and no token is kept under that."""
    env = {**os.environ, "TANDEM_STORAGE_PATH": str(tmp_path), "TANDEM_URL": "http://127.0.0.1:1"}
    env.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", None)
    command = [sys.executable, "-c", WATCHED, "doctor"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr == "ray: 1\n"


def test_a_gateway_that_refuses_is_told_with_its_words(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.errors["doctor"] = Conflict("Another checkup is under way")
    result = tandem("doctor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "tandem: Another checkup is under way\n"


def test_an_address_that_is_none_is_refused(tandem: Tandem) -> None:
    result = tandem("doctor", "--url", "nonsense")
    assert result.exit_code == 2 and "--url is 'nonsense'" in result.stderr
