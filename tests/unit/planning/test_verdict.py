from __future__ import annotations

from dataclasses import replace

from actors.core.model.model_spec import ModelSpec, mlp
from actors.core.recipe.recipe import parse_recipe
from actors.core.stages.profiles import LinkProfile, StageOverhead
from orchestrator.planning.partition import PlanRequest
from orchestrator.planning.plan_types import Pipelining, PlanDevice
from orchestrator.planning.planner import Wanted, plan_job
from orchestrator.planning.verdict import Verdict, judge
from tests.support.profiles import FREE, device, job

SLOW = LinkProfile("actor_calls", 1e-2, 1e8)
EIGHT = mlp((100,) * 9)


def verdict(*devices: PlanDevice, link: LinkProfile = FREE, network: ModelSpec = EIGHT) -> Verdict:
    planned = job(devices, network, link)
    plan = plan_job(planned, PlanRequest(), Wanted(Pipelining("1f1b", 8)))
    return judge(planned, plan, 1)


def test_two_devices_without_links_to_wait_for_are_worth_combining() -> None:
    found = verdict(device(1), device(2))
    assert found.worth_combining
    assert found.text.startswith("Two devices train this 1.")
    assert "times as fast as device 1 alone with 1 thread (" in found.text
    assert " ms against " in found.text and found.text.endswith(".")


def test_a_device_that_has_more_to_do_than_the_others_is_named() -> None:
    found = verdict(device(1), device(2, 4e8), network=mlp((100, 100, 100)))
    assert found.slowest_device_id == 2 and found.held_up_s > 0
    slower = verdict(device(1), device(2, 7e8), network=mlp((100, 100, 100, 100)))
    assert slower.slowest_device_id in (1, 2)


def test_a_lossy_wire_is_said_to_give_up_bits_unless_nothing_is_sent() -> None:
    recipe = parse_recipe({"wire": "int8"})
    for devices, sentences in (([device(1), device(2)], 1), ([device(1)], 0)):
        planned = job(devices, EIGHT, recipe=recipe)
        plan = plan_job(planned, PlanRequest(), Wanted(Pipelining("1f1b", 8)))
        text = judge(planned, plan, 1).text
        assert text.count("Bits are given up, wire int8: ") == sentences
        assert text.endswith(".")
    assert "Bits are given up" not in verdict(device(1), device(2)).text


def test_slow_messages_make_it_not_worth_combining() -> None:
    found = verdict(device(1), device(2), link=SLOW)
    assert not found.worth_combining
    assert found.text.startswith("Not worth combining: device 1 alone with 1 thread takes ")
    assert "even the busiest device waits" in found.text


def test_one_device_with_all_its_cores_may_beat_two_with_a_thread_each() -> None:
    found = verdict(device(1), device(2, all_cores=3e9))
    assert not found.worth_combining
    assert found.all_cores is not None and found.all_cores.device_id == 2
    assert "device 2 alone with 4 threads" in found.text
    assert found.same_threads is not None and found.same_threads.step_s > found.step_s


def test_a_device_with_an_accelerator_is_named_by_it() -> None:
    plain = device(2, 1e10)
    gpu = replace(plain, profile=replace(plain.profile, accelerator="NVIDIA B"))
    found = verdict(device(1), gpu, link=SLOW)
    assert "device 2 alone on its NVIDIA B takes" in found.text
    assert found.same_threads is not None and found.same_threads.accelerator == "NVIDIA B"


def test_devices_that_have_the_memory_together_only_are_worth_combining() -> None:
    network = mlp((1000,) * 9)
    room = 200_000_000
    found = verdict(device(1, room_bytes=room), device(2, room_bytes=room), network=network)
    assert found.worth_combining and found.same_threads is None and found.all_cores is None
    assert found.text.startswith("Only together do the devices have")
    assert "offers 200.0 MB" in found.text


def test_one_device_has_nothing_to_combine_with() -> None:
    found = verdict(device(1, all_cores=4e9))
    assert not found.worth_combining and "nothing to combine" in found.text
    assert "; device 1 alone with 4 threads would take" in found.text


def test_one_device_that_is_quicker_without_microbatches_is_named_by_what_computes() -> None:
    fast = device(1)
    own = replace(fast.profile.own, overhead=StageOverhead(forward_s=1e-3))
    plain = replace(fast, profile=replace(fast.profile, own=own))
    gpu = replace(plain, profile=replace(plain.profile, accelerator="NVIDIA B"))
    found = verdict(gpu)
    assert "; device 1 alone on its NVIDIA B would take" in found.text
    assert "; device 1 alone with 1 thread would take" in verdict(plain).text
