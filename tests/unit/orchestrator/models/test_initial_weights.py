"""Jobs that begin with given weights, by a JobManager with all that is below it in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from actors.core.model.blocks import build_blocks
from actors.core.model.model_spec import mlp
from orchestrator.errors import CheckpointDamaged, InvalidRequest
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
SIZES = [64, 8, 8, 10]
WIDER = [64, 8, 16, 10]
TIMEOUT_S = 60.0


def drawn(seed: int) -> dict[str, torch.Tensor]:
    return dict(build_blocks(mlp(SIZES, seed), 0, 3).state_dict())


def write(world: JobManagerWorld, weights: dict[str, torch.Tensor]) -> str:
    path = world.storage_path / "given.safetensors"
    safetensors.torch.save_file(weights, path)
    return path.name


def create(world: JobManagerWorld, given: Any, seed: int = 0) -> str:
    model = {"layer_sizes": SIZES, "seed": seed, "initial_weights": given}
    return world.manager.create_job(model, DATA)


def create_wider(world: JobManagerWorld, given: Any) -> str:
    return world.manager.create_job({"layer_sizes": WIDER, "initial_weights": given}, DATA)


def train(world: JobManagerWorld, job_id: str, *nodes: int) -> list[float]:
    """The losses of its steps."""
    for node in nodes:
        world.manager.register_device("localhost", FIRST_PORT + node, job_id)
    world.manager.initialize(job_id)
    world.manager.train(job_id, {"epochs": 1, "threads": 1})
    ended = ("completed", "failed")
    wait_until(lambda: world.manager.get_job(job_id)["status"] in ended, TIMEOUT_S, "it trains on")
    return [step["loss"] for step in world.manager.list_steps(job_id)]


def kept(world: JobManagerWorld) -> list[Path]:
    return list((world.storage_path / "checkpoints" / "initial_weights").glob("*"))


def refused(world: JobManagerWorld, given: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        create(world, given)
    return caught.value.message


def test_a_job_begins_with_the_weights_of_a_file_whatever_becomes_of_that(
    world: JobManagerWorld,
) -> None:
    """Seed 0 shuffles both alike."""
    plain = world.manager.create_job({"layer_sizes": SIZES, "seed": 0}, DATA)
    name = write(world, drawn(seed=0))
    job_id = create(world, {"file": name})
    (world.storage_path / name).unlink()
    world.restart()
    losses = train(world, plain, 1, 2)
    assert train(world, job_id, 1, 2) == losses
    other = create(world, {"file": write(world, drawn(seed=5))})
    assert train(world, other, 1, 2) != losses
    assert world.manager.verify(other)["equal"]
    assert world.manager.get_job(other)["model_config"]["initial_weights"] == {"file": name}


def test_a_job_begins_with_the_weights_of_another_job(world: JobManagerWorld) -> None:
    first = world.manager.create_job({"layer_sizes": SIZES}, DATA)
    losses = train(world, first, 1)
    checkpoint = world.manager.list_checkpoints(first)[0]["checkpoint_id"]
    job_ids = [create(world, {"job": first, **more}) for more in ({}, {"checkpoint": checkpoint})]
    assert len(kept(world)) == 1
    world.manager.delete_job(first)
    went_on = [train(world, job_id, 2) for job_id in job_ids]
    assert went_on[0] == went_on[1] and went_on[0][0] < losses[0]
    for job_id in job_ids:
        assert world.manager.verify(job_id)["equal"]
        world.manager.delete_job(job_id)
    assert kept(world) == []


def test_a_job_begins_with_what_another_one_began_with_whatever_became_of_that(
    world: JobManagerWorld,
) -> None:
    first = create(world, {"file": write(world, drawn(seed=5))})
    (file,) = kept(world)
    write(world, drawn(seed=6))
    losses = train(world, first, 1)
    again = create(world, {"job": first, "checkpoint": "initial"})
    assert kept(world) == [file]
    world.manager.delete_job(first)
    assert train(world, again, 2) == losses
    plain = world.manager.create_job({"layer_sizes": SIZES}, DATA)
    assert "its seed drew" in refused(world, {"job": plain, "checkpoint": "initial"})
    assert "Job not found" in refused(world, {"job": first, "checkpoint": "initial"})


def test_layers_that_are_new_begin_as_the_seed_draws_them(world: JobManagerWorld) -> None:
    name = write(world, {**drawn(seed=5), "4.scale": torch.zeros(3)})
    job_id = create_wider(world, {"file": name, "new": ["1", "4.*"]})
    (file,) = kept(world)
    state = safetensors.torch.load_file(file)
    expected = dict(build_blocks(mlp(WIDER), 0, 3).state_dict())
    expected |= {name: drawn(seed=5)[name] for name in ("0.weight", "0.bias")}
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    train(world, job_id, 1, 2)
    assert world.manager.verify(job_id)["equal"]
    create_wider(world, {"job": job_id, "new": ["0.bias"]})
    assert len(kept(world)) == 2


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (["9"], "model_config.initial_weights.new has '9'"),
        (["head"], "model_config.initial_weights.new has 'head'"),
        (["*"], "model_config.initial_weights.new has all of the model"),
        ([], "2.weight is float32 [8, 8] there and float32 [16, 8] in the model"),
        (["4.*"], "2.weight is float32 [8, 8] there and float32 [16, 8] in the model"),
        (["*.weight"], "2.bias is float32 [8] there and float32 [16] in the model"),
    ],
)
def test_only_what_is_named_is_new(world: JobManagerWorld, new: list[str], told: str) -> None:
    name = write(world, drawn(seed=5))
    with pytest.raises(InvalidRequest) as caught:
        create_wider(world, {"file": name, "new": new})
    assert told in caught.value.message
    assert kept(world) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"2.bias": None}, "lacks 2.bias"),
        ({"9.bias": torch.zeros(2)}, "it has 9.bias, which the model has not"),
        ({"0.bias": torch.zeros(9)}, "0.bias is float32 [9] there and float32 [8] in the model"),
        ({"0.bias": torch.zeros(8).half()}, "0.bias is float16 [8] there"),
        ({"0.bias": torch.zeros(8).to(torch.bfloat16)}, "0.bias is bfloat16 [8] there"),
        ({"4.bias": torch.full((10,), float("nan"))}, "values in 4.bias that are not finite"),
        ({"4.bias": torch.full((10,), float("inf"))}, "values in 4.bias that are not finite"),
    ],
)
def test_weights_that_are_not_the_models_are_refused_by_their_first_differences(
    world: JobManagerWorld, change: dict[str, torch.Tensor | None], told: str
) -> None:
    weights = {n: t for n, t in {**drawn(0), **change}.items() if t is not None}
    text = refused(world, {"file": write(world, weights)})
    assert told in text and "model_config.initial_weights.file" in text
    assert kept(world) == [] and world.manager.list_jobs() == []


def test_of_many_differences_the_first_are_told(world: JobManagerWorld) -> None:
    text = refused(world, {"file": write(world, {"other": torch.zeros(1)})})
    assert "lacks 0.weight; it lacks 0.bias; it lacks 2.weight, and 4 more differences" in text


def test_what_is_no_file_of_weights_is_refused(world: JobManagerWorld) -> None:
    (world.storage_path / "text").write_text("not weights")
    assert "can't be read as a safetensors file" in refused(world, {"file": "text"})
    (world.storage_path / "empty").write_bytes(b"")
    assert "can't be read as a safetensors file" in refused(world, {"file": "empty"})
    for path in ("missing", "/etc/passwd", "../outside", "nul\0"):
        assert "model_config.initial_weights.file" in refused(world, {"file": path})


def test_a_job_without_weights_is_refused_by_its_name(world: JobManagerWorld) -> None:
    assert "job '77' gives no weights" in refused(world, {"job": "77"})
    first = world.manager.create_job({"layer_sizes": SIZES}, DATA)
    assert "no trained weights yet" in refused(world, {"job": first})
    assert "no checkpoint 'x'" in refused(world, {"job": first, "checkpoint": "x"})


def test_kept_weights_that_were_damaged_are_told(world: JobManagerWorld) -> None:
    job_id = create(world, {"file": write(world, drawn(0))})
    world.manager.register_device("localhost", FIRST_PORT + 1, job_id)
    (file,) = kept(world)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(CheckpointDamaged, match="checksum"):
        world.manager.initialize(job_id)
    file.unlink()
    with pytest.raises(CheckpointDamaged, match="missing"):
        world.manager.initialize(job_id)
