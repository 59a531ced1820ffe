from __future__ import annotations

import pytest

from orchestrator.cluster.ray_start import (
    MAX_DEVICE_PORT,
    NodePorts,
    explain,
    explain_end,
    head_arguments,
    join_arguments,
)

MISMATCH = """
RuntimeError: Version mismatch: The cluster was started with:
    Ray: 2.60.0
    Python: 3.11.7
This process on node 10.0.0.2 was started with:
    Ray: 2.59.0
    Python: 3.12.1
"""


@pytest.mark.parametrize("port", [1024, 5001, 5002, 5040, MAX_DEVICE_PORT])
def test_every_port_of_a_node_is_fixed_and_its_own(port: int) -> None:
    flags = NodePorts(port).flags
    low, high = flags.pop("min-worker-port"), flags.pop("max-worker-port")
    assert flags["node-manager-port"] == port
    assert len(set(flags.values())) == len(flags)
    assert max(flags.values()) < low < high < 20_000


def test_neighbours_on_one_host_share_no_port() -> None:
    def ports(device: int) -> set[int]:
        flags = NodePorts(device).flags
        low, high = flags.pop("min-worker-port"), flags.pop("max-worker-port")
        return set(flags.values()) | set(range(low, high + 1))

    assert not ports(5001) & ports(5002)


def test_the_firewall_line_has_every_port() -> None:
    assert NodePorts(5001).firewall == "5001,5101,5201,5301,5401,5501,10002:10201"


def test_a_node_that_ends_soon_after_it_joined_may_have_a_firewall() -> None:
    text = explain_end(40.2, "10.0.0.1", NodePorts(5001))
    assert "40 s after it joined" in text and text.endswith(
        "sudo ufw allow proto tcp from 10.0.0.1 to any "
        "port 5001,5101,5201,5301,5401,5501,10002:10201"
    )


@pytest.mark.parametrize(("lived_s", "head_ip"), [(3600.0, "10.0.0.1"), (40.0, None)])
def test_a_node_that_was_up_for_long_has_no_firewall_nor_has_the_head(
    lived_s: float, head_ip: str | None
) -> None:
    text = explain_end(lived_s, head_ip, NodePorts(5001))
    assert "Ray has ended on this device" in text and "firewall" not in text


def test_one_device_is_named_by_its_port_several_by_resources() -> None:
    one = join_arguments("10.0.0.1:6379", NodePorts(5001), 1)
    assert "--address=10.0.0.1:6379" in one and "--node-manager-port=5001" in one
    assert not any("--resources" in argument for argument in one)
    several = head_arguments(6379, NodePorts(5001), 2)
    assert '--resources={"device:5001": 1, "device:5002": 1}' in several
    assert "--head" in several and "--dashboard-host=127.0.0.1" in several


def test_other_versions_are_told_with_the_remedy() -> None:
    text = explain(MISMATCH)
    assert "the head has Ray 2.60.0 and Python 3.11.7" in text
    assert "this device Ray 2.59.0 and Python 3.12.1" in text
    assert "`python3.11 -m venv .venv && .venv/bin/pip install 'ray[default]==2.60.0'`" in text


def test_where_only_ray_is_another_one_the_environment_stays() -> None:
    text = explain(MISMATCH.replace("3.12.1", "3.11.9"))
    assert "run here `pip install 'ray[default]==2.60.0'`" in text


def test_a_refused_token_is_told_without_showing_it() -> None:
    text = explain("RpcError: UNAUTHENTICATED: token 'abcdef' is wrong")
    assert "token" in text and "abcdef" not in text


def test_unknown_words_are_passed_on_shortened() -> None:
    text = explain("what " * 1000 + "the end")
    assert text.endswith("the end") and len(text) < 500
