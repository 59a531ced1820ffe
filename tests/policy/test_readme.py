"""What the README and the pages under docs/ name is really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from http_gateway.app import create_app
from orchestrator.ray_start import DEFAULT_HEAD_PORT, NodePorts
from orchestrator.settings import Settings
from tests.support.fake_job_client import FakeJobClient
from tests.support.readme import README, cluster_block, section

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    folders = "actors|orchestrator|http_gateway|tests|docs|configs|benchmarks"
    for named in re.findall(rf"`((?:{folders})/[\w/.]+)`", text):
        assert (ROOT / named).exists(), named


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "check"} <= named
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in named)


def test_the_table_of_calls_lists_every_one() -> None:
    table = section("The API")
    paths = create_app(FakeJobClient(), version="0").api_doc["paths"]
    for path, methods in paths.items():
        shown = path.replace("{job_id}", "<id>").replace("{port}", "<port>")
        assert shown in table, path
        for method in set(methods) - {"get"}:
            assert f"`{method.upper()} {shown}`" in table, (method, path)


def test_the_table_of_settings_states_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section("Configuration"), re.M)
    assert len(rows) >= 8
    for name, stated in rows:
        default = Settings.model_fields[name].default
        if name not in ("data_dir", "allowed_dirs"):
            shown = {None: "none", False: "false"}.get(default, str(default))
            assert stated.strip("`") == shown, name


def test_the_fixed_ports_are_those_of_tandem_join() -> None:
    ports = NodePorts(5001)
    for start in (cluster_block("ray start --address"), cluster_block("ray start --head")):
        assert all(f"--{flag}={port}" in start for flag, port in ports.flags.items())
    assert f"port {DEFAULT_HEAD_PORT},{ports.firewall}" in cluster_block("sudo ufw")
