"""Memory for LayerActors is looked for before they are started."""

from __future__ import annotations

import pytest

from actors.host.host_limits import Memory
from orchestrator.errors import DeviceStartFailed
from orchestrator.planning.job_planning import PROCESS_BYTES
from orchestrator.sessions.starting import prepared_groups
from orchestrator.sessions.starting.host_room import lacking_memory
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld

GIB = 2**30


def lacking(num_actors: int, *left: int | None, loads: bool = True) -> str | None:
    """Looks at these one after the other, and at the last one again and again."""
    seen = iter(left)
    last = left[-1]
    return lacking_memory(num_actors, loads, lambda: Memory(GIB, next(seen, last)), lambda _: None)


def test_what_is_left_has_to_do_for_every_actor() -> None:
    assert lacking(2, 3 * PROCESS_BYTES) is None  # the loader of the data is one more
    assert lacking(2, None) is None
    text = lacking(2, 3 * PROCESS_BYTES - 1)
    assert text is not None
    assert "900.0 MB of 1.1 GB of memory left" in text and "2 of its devices" in text


def test_a_process_that_loads_already_is_not_counted_again() -> None:
    assert lacking(2, 2 * PROCESS_BYTES, loads=False) is None
    assert lacking(2, 2 * PROCESS_BYTES - 1, loads=False) is not None


def test_memory_that_an_ended_group_gives_back_is_waited_for() -> None:
    assert lacking(2, 0, PROCESS_BYTES, 3 * PROCESS_BYTES) is None


def test_a_job_is_refused_before_anything_is_started(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = world.manager
    job_id = manager.create_job({"layer_sizes": [64, 8, 10]}, {"name": "digits"})
    manager.register_device("localhost", FIRST_PORT, job_id)
    monkeypatch.setattr(
        prepared_groups,
        "lacking_memory",
        lambda num_actors, loads: lacking_memory(
            num_actors, loads, lambda: Memory(GIB, 10_000_000), _no_sleep
        ),
    )
    with pytest.raises(DeviceStartFailed, match=r"10.0 MB of 1.1 GB.*end other programs there"):
        manager.initialize(job_id)
    assert world.actors(job_id) == [] and manager.get_job(job_id)["status"] == "created"


def test_data_that_were_begun_when_the_job_was_created_are_not_counted_again(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = world.manager
    asked: list[bool] = []

    def lacking(num_actors: int, loads: bool) -> None:
        asked.append(loads)

    monkeypatch.setattr(prepared_groups, "lacking_memory", lacking)
    job_id = manager.create_job({"layer_sizes": [64, 8, 10]}, {"name": "digits"})
    manager.register_device("localhost", FIRST_PORT, job_id)
    manager.initialize(job_id)
    assert asked == [False]


def _no_sleep(_: float) -> None:
    return None
