"""Jobs whose weights are drawn again, whose devices change, or that go: what TensorBoard and MLflow
are told then, and what they are told of the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StorageUnavailable
from orchestrator.followers.follower import ToolTrouble
from tests.support.curve_tools import (
    MlflowServer,
    book_of,
    by_api,
    files_of,
    in_files,
    new_job,
    runs_of,
    single,
    train,
)
from tests.support.http_tool import Answer, HttpTool, Received, http_tool
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until


@pytest.fixture
def server() -> MlflowServer:
    return MlflowServer()


@pytest.fixture
def tool(server: MlflowServer) -> Iterator[HttpTool]:
    with http_tool() as tool:
        tool.answer = server.answer
        yield tool


@pytest.mark.parametrize("looks_between", [False, True])
@pytest.mark.usefixtures("tensorboard")
def test_files_have_the_curves_of_the_job_s_own_weights_alone(
    world: JobManagerWorld, tmp_path: Path, looks_between: bool
) -> None:
    job_id, tool = new_job(world), files_of(world, tmp_path)
    for epochs in (2, 1, 1):
        world.manager.initialize(job_id)
        if looks_between:
            tool.tell_news()
        train(world, job_id, epochs)
        tool.tell_news()
        own = by_api(world, job_id)
        assert in_files(tmp_path / "runs") == single(own) and len(own["loss"]) == 23 * epochs


@pytest.mark.usefixtures("tensorboard")
def test_a_curve_that_comes_later_takes_no_other_one_out(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    """A roll-back to step 2; the epoch's own values come with a later look than its steps."""
    job = book_of(world).get(new_job(world))
    tool, known = files_of(world, tmp_path), dict[str, Any]()

    def curve(name: str, *steps: int) -> dict[str, Any]:
        numbers = [float(step) for step in steps]
        return {"name": name, "steps": list(steps), "at": numbers, "values": numbers}

    tool._tell(job, known, [curve("loss", 1, 2, 3, 4), curve("train_loss", 4)])
    tool._tell(job, known, [curve("loss", 3, 4, 5)])
    tool._tell(job, known, [curve("loss", 6), curve("train_loss", 4)])
    found = in_files(tmp_path / "runs")
    assert {name: [step for step, _ in points] for name, points in found.items()} == {
        "loss": [1, 2, 3, 4, 5, 6],
        "train_loss": [4],
    }


@pytest.mark.usefixtures("tensorboard")
def test_of_a_job_that_is_deleted_while_it_trains_no_file_stays_open(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id, tool = new_job(world), files_of(world, tmp_path)
    world.manager.train(job_id, {"epochs": 400, "threads": 1})
    wait_until(lambda: by_api(world, job_id)["loss"], 20.0, "there are no steps")
    tool.tell_news()
    assert len(tool._writers) == 1
    world.manager.delete_job(job_id, force=True)
    tool.tell_news()
    assert tool._writers == {}


def test_other_weights_are_another_run(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    for epochs in (2, 1, 1):
        world.manager.initialize(job_id)
        train(world, job_id, epochs)
        mlflow.tell_news()
        assert server.runs[-1]["metrics"] == by_api(world, job_id)
    assert [run["status"] for run in server.runs] == ["FINISHED"] * 3


def test_a_run_has_ended_as_the_session_did_whatever_becomes_of_the_devices(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    train(world, job_id, 1)
    world.manager.register_device("localhost", FIRST_PORT, job_id)
    assert world.manager.get_job(job_id)["status"] == "created"
    mlflow.tell_news()
    assert [run["status"] for run in server.runs] == ["FINISHED"]


def test_the_run_of_a_job_that_is_deleted_while_it_trains_ends(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    world.manager.train(job_id, {"epochs": 400, "threads": 1})
    wait_until(lambda: by_api(world, job_id)["loss"], 20.0, "there are no steps")
    mlflow.tell_news()
    world.manager.delete_job(job_id, force=True)
    server.is_up = False
    with pytest.raises(ToolTrouble):
        mlflow.tell_news()
    server.is_up = True
    mlflow.tell_news()
    assert [run["status"] for run in server.runs] == ["KILLED"]


def test_a_run_that_somebody_has_deleted_keeps_no_other_job_from_being_told(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    first = new_job(world)
    train(world, first, 1)
    mlflow.tell_news()
    server.runs[0]["is_deleted"] = True
    train(world, first, 1)
    second = new_job(world)
    train(world, second, 1)
    with pytest.raises(ToolTrouble) as trouble:
        mlflow.tell_news()
    assert trouble.value.job_id == first
    assert server.runs[1]["metrics"] == by_api(world, second)
    assert server.runs[1]["status"] == "FINISHED"


def test_parameters_that_are_not_taken_at_once_cost_no_second_run(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    def answer(request: Received) -> Answer:
        is_refused = request.path.endswith("log-batch") and "params" in request.json
        return (500, {}) if is_refused else server.answer(request)

    tool.answer = answer
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    train(world, job_id, 1)
    for _ in range(3):
        with pytest.raises(ToolTrouble):
            mlflow.tell_news()
    tool.answer = server.answer
    mlflow.tell_news()
    (run,) = server.runs
    assert run["params"]["epochs"] == "1" and run["metrics"] == by_api(world, job_id)


def test_a_disk_that_refuses_the_position_costs_no_second_run(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    (tmp_path / "mlflow.partial").mkdir()  # where the file should be written
    job_id = new_job(world)
    train(world, job_id, 1)
    for _ in range(3):
        with suppress(StorageUnavailable):
            mlflow.tell_news()
    (run,) = server.runs
    assert run["metrics"] == by_api(world, job_id) and run["status"] == "FINISHED"
