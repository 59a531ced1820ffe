"""The findings about the nodes' names, ports and links."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.doctor.facts import NO_TIME, Link
from orchestrator.doctor.findings import find, report
from tests.support.checkups import DESK, HEAD, cluster, node, the_only, with_devices, wrong


def test_a_node_that_does_not_answer_is_a_finding_and_the_rest_goes_on() -> None:
    silent = node(2, host=None, clock=None, error="has not answered within 11 s")
    facts = cluster(node(1), silent, links=[])
    finding = the_only(facts, "answers")
    assert (finding.level, finding.node) == ("error", DESK)
    assert "(host2) has not answered within 11 s" in finding.text
    assert finding.remedy == "ray stop --force && tandem join 10.0.0.1:6379 --port 5001"
    told = report(facts)
    assert not told["ok"] and told["checked_nodes"] == 1 and len(told["nodes"]) == 2


def test_two_nodes_that_claim_one_device_are_told_with_the_command_that_renames_one() -> None:
    first, second = with_devices(2, 5001, 5001, 5002), with_devices(2, 5002)
    finding = the_only(cluster(node(1), first, second), "names")
    assert (finding.level, finding.node) == ("error", "10.0.0.2:5002")
    assert finding.text == (
        "10.0.0.2:5001 and 10.0.0.2:5002 claim to be the same device, 10.0.0.2:5002, by their port "
        "or by a resource device:5002: it can't be registered"
    )
    command, _, comment = finding.remedy.partition("  # ")
    assert command == "tandem join 10.0.0.1:6379 --port 5003"
    assert "after Ctrl-C there" in comment and "`ray stop`" in comment


def test_of_two_that_claim_one_device_the_job_managers_node_keeps_it() -> None:
    second = with_devices(1, 5000, 5001)
    finding = the_only(cluster(node(1), second, links=[]), "names")
    assert finding.node == "10.0.0.1:5000"


def test_a_node_whose_end_ray_has_not_noticed_is_no_namesake() -> None:
    assert "names" not in {f.check for f in wrong(cluster(node(1), node(2), node(2)))}


def test_devices_of_one_name_on_two_hosts_are_two() -> None:
    nodes = (with_devices(1, 5001, 5001, 5002), with_devices(2, 5001, 5001, 5002))
    assert wrong(cluster(*nodes)) == []


def test_a_firewall_that_lets_one_direction_through_is_named_with_both_ends() -> None:
    refused = {("10.0.0.2", 5101): "timed out"}
    finding = the_only(cluster(node(1, refused=refused), node(2)), "ports")
    assert (finding.level, finding.node) == ("error", DESK)
    assert "10.0.0.1:5001 can't connect to port 5101 of 10.0.0.2:5001" in finding.text
    assert "object manager (timed out); the other way is open" in finding.text
    assert finding.remedy == (
        "sudo ufw allow proto tcp from 10.0.0.1 to any "
        "port 5001,5101,5201,5301,5401,5501,10002:10201"
    )


def test_two_firewalls_are_two_findings() -> None:
    first = node(1, refused={("10.0.0.2", 5001): "timed out"})
    second = node(2, refused={("10.0.0.1", 5001): "Connection refused"})
    found = wrong(cluster(first, second))
    assert [(f.node, f.level) for f in found] == [(DESK, "error"), (HEAD, "error")]
    assert all("nor the other way" in f.text for f in found)


def test_free_ports_behind_a_firewall_are_a_warning_with_their_range() -> None:
    first = node(1, kept_out=frozenset({DESK}))
    second = node(2, free_ports="40000:40100")
    finding = the_only(cluster(first, second), "ports")
    assert (finding.level, finding.node) == ("warning", DESK)
    assert "10.0.0.1:5001 can't connect to a free port of 10.0.0.2:5001" in finding.text
    assert finding.remedy == "sudo ufw allow proto tcp from 10.0.0.1 to any port 40000:40100"


def test_where_rays_ports_are_closed_too_the_free_ones_are_not_told_of() -> None:
    refused = {("10.0.0.2", 5101): "timed out"}
    first = node(1, refused=refused, kept_out=frozenset({DESK}))
    second = node(2, free_ports="40000:40100")
    assert the_only(cluster(first, second), "ports").level == "error"


def test_of_a_node_that_is_silent_the_way_back_is_not_known() -> None:
    silent = node(2, host=None, clock=None, error="has not answered")
    first = node(1, refused={("10.0.0.2", 5001): "timed out"})
    texts = [f.text for f in wrong(cluster(first, silent)) if f.check == "ports"]
    assert len(texts) == 1 and "the other way is not known" in texts[0]


def test_ports_that_ray_chose_are_let_through_as_they_are() -> None:
    second = node(2)
    second = replace(second, checked=replace(second.checked, object_manager_port=40123))
    first = node(1, refused={("10.0.0.2", 40123): "timed out"})
    finding = the_only(cluster(first, second), "ports")
    assert finding.remedy and finding.remedy.endswith("port 5001,40123,10002:19999")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (Link(HEAD, DESK, 0.045, 50e6), "takes 45 ms there and back, more than 30 ms"),
        (Link(HEAD, DESK, 0.002, 2.5e6), "2.5 MB/s go from 10.0.0.1:5001 to 10.0.0.2:5001"),
        (Link(HEAD, DESK, error=NO_TIME), "was not measured: there was no time left"),
    ],
)
def test_a_link_that_is_slow_or_was_not_measured_is_a_warning(link: Link, said: str) -> None:
    finding = the_only(cluster(links=[link]), "links")
    assert finding.level == "warning" and said in finding.text


def test_a_link_that_does_not_work_is_an_error() -> None:
    finding = the_only(cluster(links=[Link(HEAD, DESK, error="no luck")]), "links")
    assert (finding.level, finding.node) == ("error", HEAD)
    assert finding.remedy and "from 10.0.0.2 to any port 5001,5101" in finding.remedy


def test_links_measured_while_a_job_trained_say_so() -> None:
    facts = cluster(training_jobs=["2", "5"])
    assert any("(2, 5)" in f.text for f in find(facts))
    assert report(facts)["training_jobs"] == ["2", "5"]
    assert wrong(facts) == []
