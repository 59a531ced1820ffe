"""What the README and the pages under docs/ name exists."""

from __future__ import annotations

import re

from http_gateway.app import create_app
from orchestrator.cluster.ray_start import DEFAULT_HEAD_PORT, NodePorts
from orchestrator.settings import Settings
from tests.support.documents import README, ROOT, cluster_block, page, pages, section
from tests.support.fake_job_client import FakeJobClient

LONGEST_README = 1200
"""Words. Who wants more reads on under docs/."""


def test_links_and_named_files_exist() -> None:
    folders = "actors|orchestrator|http_gateway|tests|docs|configs|benchmarks"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name, text in {**pages(), "CHANGELOG.md": changelog}.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert ((ROOT / name).parent / target).exists(), (name, target)
        for named in re.findall(rf"`((?:{folders})/[\w/.]+)`", text):
            assert (ROOT / named).exists(), (name, named)


def test_the_readme_stays_short() -> None:
    assert len(README.split()) <= LONGEST_README


def test_every_page_is_on_the_map() -> None:
    listed = set(re.findall(r"\]\(([\w./]+\.md)", page("README")))
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name in listed | {"README.md"}, path.name
    assert "decisions/README.md" in listed


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "check"} <= named
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in named)


def test_the_table_of_calls_lists_every_one() -> None:
    table = section(page("api"), "All calls")
    paths = create_app(FakeJobClient(), version="0").api_doc["paths"]
    for path, methods in paths.items():
        shown = (
            path.replace("{job_id}", "<id>").replace("{port}", "<port>").replace("{name}", "<name>")
        )
        assert shown in table, path
        for method in set(methods) - {"get"}:
            assert f"`{method.upper()} {shown}`" in table, (method, path)


def test_the_table_of_settings_states_every_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section(page("configuration"), "Settings"), re.M)
    assert {name for name, _ in rows} == set(Settings.model_fields)
    for name, stated in rows:
        default = Settings.model_fields[name].default
        if name not in ("data_dir", "data_roots"):
            shown = {None: "none", False: "false"}.get(default, str(default))
            assert stated.strip("`") == shown, name


def test_the_fixed_ports_are_those_of_tandem_join() -> None:
    ports = NodePorts(5001)
    for start in (cluster_block("ray start --address"), cluster_block("ray start --head")):
        assert all(f"--{flag}={port}" in start for flag, port in ports.flags.items())
    assert f"port {DEFAULT_HEAD_PORT},{ports.firewall}" in cluster_block("sudo ufw")
