from __future__ import annotations

import platform
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import ray

from actors.core.version import __version__
from actors.host.host_limits import usable_memory
from orchestrator.devices import node_probe
from orchestrator.devices.device_list import NodeFacts, Probed
from orchestrator.devices.node_probe import FRESH_S, NodeProbes, describe_host

TIMEOUT_S = 0.3
TOLD = {
    "os": "Linux 6.1 x86_64",
    "memory_bytes": 100,
    "available_memory_bytes": 50,
    "versions": {"python": "3.11.7"},
}
FACTS = NodeFacts("Linux 6.1 x86_64", 100, 50, {"python": "3.11.7"})
WITHOUT_TANDEM = """
import sys
for name in ("actors", "orchestrator", "http_gateway"):
    sys.modules[name] = None  # importing it fails
import ray.cloudpickle
print(ray.cloudpickle.loads(sys.stdin.buffer.read())()["versions"]["python"])
print("torch" in sys.modules)
"""


class Nodes:
    """Stands in for Ray and for the clock; a node without an answer is frozen."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.answers: dict[str, dict[str, Any] | Exception] = {}
        self.started: list[tuple[str, Future[dict[str, Any]]]] = []
        self.probes = NodeProbes(self.start, lambda: self.now_s, TIMEOUT_S)

    def start(self, node_id: str) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        self.started.append((node_id, future))
        answer = self.answers.get(node_id)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future

    def look(self, *node_ids: str) -> list[Probed]:
        return list(self.probes.results(node_ids).values())

    @property
    def asked(self) -> list[str]:
        return [node_id for node_id, _ in self.started]


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


def test_the_probe_tells_of_this_host() -> None:
    told = describe_host()
    assert told["os"].startswith(platform.system()) and told["os"].endswith(platform.machine())
    assert told["memory_bytes"] == usable_memory().total_bytes
    assert 0 < told["available_memory_bytes"] <= told["memory_bytes"]
    versions = told["versions"]
    assert (versions["python"], versions["ray"]) == (platform.python_version(), ray.__version__)
    assert versions["tandem"] == __version__ and versions["torch"]


def test_the_probe_needs_nothing_of_tandems_and_does_not_import_torch() -> None:
    code = ray.cloudpickle.dumps(describe_host)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TANDEM], input=code, capture_output=True, timeout=60
    )
    assert done.stdout.decode().split() == [platform.python_version(), "False"], done.stderr


def test_what_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(node_probe.DISTRIBUTIONS, "torch", "no-such-distribution")
    assert describe_host()["versions"]["torch"] is None


@pytest.mark.parametrize(
    ("system", "release", "shown"),
    [
        ("Linux", "6.1.0-13-amd64", "Linux 6.1 x86_64"),
        ("Windows", "11", "Windows 11 x86_64"),
        ("Darwin", "23.4.0", "macOS 14.4 x86_64"),
        ("Plan9", "fourth", "Plan9 fourth x86_64"),
    ],
)
def test_the_operating_system_is_named_shortly(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, shown: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("14.4.1", ("", "", ""), "x86_64"))
    assert describe_host()["os"] == shown


def test_every_node_is_asked_once_and_its_answer_serves_a_while(nodes: Nodes) -> None:
    nodes.answers = {"a": TOLD, "b": TOLD}
    for age_s in (0.0, FRESH_S - 0.1):
        nodes.now_s = 1000.0 + age_s
        assert nodes.look("a", "b") == [Probed(FACTS), Probed(FACTS)]
    assert nodes.asked == ["a", "b"]


def test_an_old_answer_is_renewed(nodes: Nodes) -> None:
    nodes.answers["a"] = TOLD
    nodes.look("a")
    nodes.now_s += FRESH_S
    nodes.answers["a"] = {**TOLD, "available_memory_bytes": 7}
    assert nodes.look("a") == [Probed(replace(FACTS, available_memory_bytes=7))]


def test_a_probe_that_raises_tells_why_and_is_made_again_later(nodes: Nodes) -> None:
    nodes.answers = {"a": RuntimeError("no\nluck"), "b": TOLD}
    broken, fine = nodes.look("a", "b")
    assert broken.facts is None and fine.error is None
    assert "RuntimeError: no luck" in str(broken.error) and "after 30 s" in str(broken.error)
    nodes.answers["a"] = TOLD
    nodes.now_s += FRESH_S - 0.1
    assert nodes.look("a", "b") == [broken, fine]
    nodes.now_s += 0.1
    assert nodes.look("a") == [Probed(FACTS)]


def test_the_text_of_an_error_is_kept_short(nodes: Nodes) -> None:
    nodes.answers["a"] = RuntimeError("x" * 10_000)
    (probed,) = nodes.look("a")
    assert len(str(probed.error)) < 500


def test_a_frozen_node_is_waited_for_once_and_asked_once(nodes: Nodes) -> None:
    nodes.answers["b"] = TOLD
    begin = time.monotonic()
    frozen, fine = nodes.look("a", "b")
    assert time.monotonic() - begin >= TIMEOUT_S
    assert fine == Probed(FACTS) and frozen.facts is None
    assert "frozen" in str(frozen.error) and "restart Ray" in str(frozen.error)
    nodes.now_s += 10 * FRESH_S
    begin = time.monotonic()
    (frozen,) = nodes.look("a")
    assert time.monotonic() - begin < TIMEOUT_S
    assert "not answered for 300 s" in str(frozen.error)
    assert nodes.asked == ["a", "b"]


def test_several_frozen_nodes_are_waited_for_together(nodes: Nodes) -> None:
    nodes.probes = NodeProbes(nodes.start, timeout_s=TIMEOUT_S)
    begin = time.monotonic()
    nodes.look(*"abcdef")
    assert time.monotonic() - begin < 2 * TIMEOUT_S


def test_a_late_answer_is_taken(nodes: Nodes) -> None:
    nodes.look("a")
    nodes.now_s += 20.0
    nodes.started[0][1].set_result(TOLD)
    assert nodes.look("a") == [Probed(FACTS)]
    assert nodes.asked == ["a"]


def test_a_node_that_froze_later_is_shown_as_it_was_but_for_its_available_memory(
    nodes: Nodes,
) -> None:
    nodes.answers["a"] = TOLD
    nodes.look("a")
    nodes.now_s += FRESH_S
    del nodes.answers["a"]
    (probed,) = nodes.look("a")
    assert probed.facts == replace(FACTS, available_memory_bytes=None)
    assert probed.error is not None


def test_a_node_that_left_is_forgotten(nodes: Nodes) -> None:
    nodes.answers = {"a": TOLD, "b": TOLD}
    nodes.look("a", "b")
    nodes.look("b")
    nodes.look("a", "b")
    assert nodes.asked == ["a", "b", "a"]


def test_others_are_answered_while_one_waits_for_a_frozen_node(nodes: Nodes) -> None:
    nodes.probes = NodeProbes(nodes.start, timeout_s=60.0)
    nodes.answers["b"] = TOLD
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(nodes.look, "a")
        while nodes.asked != ["a"]:
            time.sleep(0.001)
        assert nodes.look("b") == [Probed(FACTS)]
        nodes.started[0][1].set_result(TOLD)
        assert slow.result(10) == [Probed(FACTS)]
