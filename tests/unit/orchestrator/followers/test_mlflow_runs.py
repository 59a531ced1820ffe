"""MLflow is told what the API tells of a job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.errors import StorageUnavailable
from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.mlflow_runs import MlflowRuns
from tests.support.curve_tools import MlflowServer, by_api, new_job, runs_of, train
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


@pytest.fixture
def mlflow(world: JobManagerWorld, tool: HttpTool, tmp_path: Path) -> MlflowRuns:
    """It has looked once, so that it tells of jobs from now on."""
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    return mlflow


def test_a_run_has_what_the_api_has_and_how_it_ended(
    world: JobManagerWorld, tool: HttpTool, server: MlflowServer, tmp_path: Path
) -> None:
    old = new_job(world)
    train(world, old, epochs=1)
    runs_of(world, tool, tmp_path).tell_news()  # jobs that have ended before are left out
    assert tool.received == []
    world.manager.delete_job(old)
    job_id = new_job(world)
    train(world, job_id)
    runs_of(world, tool, tmp_path).tell_news()
    train(world, job_id)
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    num_requests = len(tool.received)
    mlflow.tell_news()
    assert len(tool.received) == num_requests
    (run,) = server.runs
    assert run["name"] == f"job {job_id}" and run["status"] == "FINISHED"
    assert run["metrics"] == by_api(world, job_id) and len(run["metrics"]["loss"]) == 92
    assert run["params"]["epochs"] == "2"
    assert json.loads(run["params"]["dataset_config"])["name"] == "digits"


def test_many_points_go_in_pieces(
    world: JobManagerWorld,
    mlflow: MlflowRuns,
    tool: HttpTool,
    server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.followers.mlflow_runs.METRICS_AT_ONCE", 10)
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    mlflow.tell_news()
    assert sum("log-batch" in r.path for r in tool.received) > 3
    assert server.runs[0]["metrics"] == by_api(world, job_id)


def test_a_server_that_is_away_is_told_later_and_has_one_run(
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    server.is_up = False
    with pytest.raises(ToolTrouble, match="503") as trouble:
        mlflow.tell_news()
    assert trouble.value.job_id == job_id
    server.is_up = True
    mlflow.tell_news()
    (run,) = server.runs
    assert run["metrics"] == by_api(world, job_id)


@pytest.mark.parametrize(("refused", "tries"), [("metrics", 1), ("params", 3)])
def test_a_server_that_fails_half_way_has_one_run(
    world: JobManagerWorld,
    mlflow: MlflowRuns,
    tool: HttpTool,
    server: MlflowServer,
    refused: str,
    tries: int,
) -> None:
    def half(request: Received) -> Answer:
        is_refused = request.path.endswith("log-batch") and refused in request.json
        return (500, {}) if is_refused else server.answer(request)

    tool.answer = half
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    for _ in range(tries):
        with pytest.raises(ToolTrouble):
            mlflow.tell_news()
    tool.answer = server.answer
    mlflow.tell_news()
    (run,) = server.runs
    assert run["params"]["epochs"] == "1" and run["metrics"] == by_api(world, job_id)


def test_a_disk_that_refuses_the_position_costs_no_second_run(
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer, tmp_path: Path
) -> None:
    (tmp_path / "mlflow.partial").mkdir()  # where the file should be written
    job_id = new_job(world)
    train(world, job_id, 1)
    for _ in range(3):
        with suppress(StorageUnavailable):
            mlflow.tell_news()
    (run,) = server.runs
    assert run["metrics"] == by_api(world, job_id) and run["status"] == "FINISHED"


def test_other_weights_are_another_run(
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer
) -> None:
    job_id = new_job(world)
    for epochs in (2, 1, 1):
        world.manager.initialize(job_id)
        train(world, job_id, epochs)
        mlflow.tell_news()
        assert server.runs[-1]["metrics"] == by_api(world, job_id)
    assert [run["status"] for run in server.runs] == ["FINISHED"] * 3


def test_a_run_has_ended_as_the_session_did_whatever_becomes_of_the_devices(
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer
) -> None:
    job_id = new_job(world)
    train(world, job_id, 1)
    world.manager.register_device("localhost", FIRST_PORT, job_id)
    assert world.manager.get_job(job_id)["status"] == "created"
    mlflow.tell_news()
    assert [run["status"] for run in server.runs] == ["FINISHED"]


def test_the_run_of_a_job_that_is_deleted_while_it_trains_ends(
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer
) -> None:
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
    world: JobManagerWorld, mlflow: MlflowRuns, server: MlflowServer
) -> None:
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
