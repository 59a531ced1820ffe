from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.planning.partition import (
    DeviceLimits,
    LayerRange,
    PlanRequest,
    check_memory_limits,
    check_plan_request,
    parse_plan_request,
    split_evenly,
)

CORES = {1: 4, 2: 2, 5: 8}
FULL = {"1": [0, 2], "2": [2, 3], "5": [3, 7]}


def check(partition: Any = "auto", devices: Any = None) -> None:
    request = parse_plan_request({"partition": partition, "devices": devices})
    check_plan_request(request, 7, CORES)


@pytest.mark.parametrize(
    ("layers", "stages", "ranges"),
    [(3, 1, [(0, 3)]), (3, 2, [(0, 2), (2, 3)]), (7, 3, [(0, 3), (3, 5), (5, 7)])],
)
def test_an_even_split_gives_every_stage_a_layer(
    layers: int, stages: int, ranges: list[tuple[int, int]]
) -> None:
    assert list(split_evenly(layers, stages)) == [LayerRange(*r) for r in ranges]


def test_more_stages_than_layers_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="2 layers can't be split over 3"):
        split_evenly(2, 3)


def test_without_a_word_the_plan_is_free() -> None:
    request = parse_plan_request(None)
    assert (request.kind, request.manual, request.limits) == ("auto", {}, {})
    check_plan_request(request, 7, CORES)


@pytest.mark.parametrize(
    "given", [{}, {"partition": "even"}, {"partition": FULL, "devices": {"2": {"threads": 1}}}]
)
def test_a_request_survives_the_store(given: dict[str, Any]) -> None:
    request = parse_plan_request(given)
    assert from_stored(PlanRequest, to_stored(request)) == request


def test_a_map_and_limits_that_fit_are_taken() -> None:
    check(FULL, {"5": {"max_memory_bytes": 10**9, "threads": 8}})
    limits = parse_plan_request({"devices": {"5": {"threads": 8}}})
    assert limits.limits_of(5) == DeviceLimits(None, 8)
    assert limits.limits_of(1) == DeviceLimits()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"2": [3, 4]}, r"partition\.2 is \[3, 4\], which makes a gap at layer 2: it has to start"),
        ({"2": [1, 3]}, r"partition\.2 is \[1, 3\], which makes an overlap at layer 1"),
        ({"1": [1, 2]}, r"partition\.1 is \[1, 2\], which makes a gap at layer 0"),
        ({"2": [2, 2]}, r"partition\.2 is \[2, 2\], which is empty"),
        ({"2": [3, 2]}, r"partition\.2 is \[3, 2\], which is empty"),
        ({"5": [3, 6]}, r"partition\.5 ends at layer 6, which makes a gap.* 7"),
        ({"5": [3, 8]}, r"partition\.5 ends at layer 8, .*too many layers.* 7"),
        ({"3": [7, 8]}, r"partition names device 3, but the job's devices are 1, 2, 5"),
        ({"two": [0, 1]}, r'partition has the key "two"'),
    ],
)
def test_a_map_that_is_no_split_of_the_layers_is_refused(
    change: dict[str, list[int]], match: str
) -> None:
    with pytest.raises(InvalidRequest, match=match):
        check({**FULL, **change})


def test_a_map_has_to_name_every_device() -> None:
    with pytest.raises(InvalidRequest, match=r"partition gives device 2 no layers"):
        check({"1": [0, 3], "5": [3, 7]})


@pytest.mark.parametrize(
    ("devices", "match"),
    [
        ({"3": {"threads": 1}}, r"devices names device 3"),
        ({"x": {"threads": 1}}, r'devices has the key "x"'),
        ({"2": {"threads": 3}}, r"devices\.2\.threads is 3, but the device has 2 cores"),
    ],
)
def test_limits_that_make_no_sense_are_refused(devices: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        check(devices=devices)


def test_limits_of_one_host_are_refused_where_they_exceed_it_together() -> None:
    def limits_of(hosts: dict[int, str]) -> None:
        request = PlanRequest(limits={1: DeviceLimits(60), 2: DeviceLimits(60)})
        check_memory_limits(request, {1: 100, 2: 100}, hosts)

    limits_of({1: "10.0.0.1", 2: "10.0.0.2"})
    limits_of({})  # accelerators have their own memory
    with pytest.raises(InvalidRequest, match=r"devices\.1\..* and devices\.2\..* are 120 together"):
        limits_of({1: "10.0.0.1", 2: "10.0.0.1"})
