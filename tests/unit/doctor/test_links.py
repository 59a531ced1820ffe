"""The links that are measured, and their order."""

from __future__ import annotations

import time

from orchestrator.doctor.facts import NO_TIME, Link
from orchestrator.doctor.links import measure_links, plan_links


def test_among_few_nodes_every_pair_is_measured_the_job_managers_first() -> None:
    pairs = plan_links(["c", "a", "b"], "a")
    assert pairs[:4] == [("a", "c"), ("c", "a"), ("a", "b"), ("b", "a")]
    assert sorted(pairs[4:]) == [("b", "c"), ("c", "b")]


def test_among_many_nodes_only_those_of_the_job_managers_node_are() -> None:
    assert len(plan_links(list("abcd"), "a")) == 12
    pairs = plan_links(list("abcde"), "a")
    assert len(pairs) == 8 and all("a" in pair for pair in pairs)


def test_one_node_has_no_link() -> None:
    assert plan_links(["a"], "a") == []


def test_without_the_job_managers_node_the_others_are_measured() -> None:
    assert sorted(plan_links(["b", "c"], "a")) == [("b", "c"), ("c", "b")]


def test_links_for_which_no_time_is_left_are_told() -> None:
    links = list(measure_links({}, [("a", "b"), ("b", "a")], time.monotonic()))
    assert links == [Link("a", "b", error=NO_TIME), Link("b", "a", error=NO_TIME)]
