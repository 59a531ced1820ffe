"""TensorBoard and MLflow are told what the API tells of a job."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.followers.follower import ToolTrouble
from tests.support.curve_tools import (
    MlflowServer,
    by_api,
    files_of,
    in_files,
    new_job,
    runs_of,
    single,
    train,
)
from tests.support.http_tool import Answer, HttpTool, Received, http_tool
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until


@pytest.fixture
def tool() -> Iterator[HttpTool]:
    with http_tool() as tool:
        yield tool


# TensorBoard


@pytest.mark.usefixtures("tensorboard")
def test_the_files_have_what_the_api_has_over_two_sessions_and_a_restart(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id)
    files_of(world, tmp_path).tell_news()
    first = by_api(world, job_id)
    assert in_files(tmp_path / "runs") == single(first) and len(first["loss"]) == 46
    train(world, job_id)
    tool = files_of(world, tmp_path)
    tool.tell_news()
    tool.tell_news()
    both = by_api(world, job_id)
    assert in_files(tmp_path / "runs") == single(both) and len(both["loss"]) == 92
    (run,) = (tmp_path / "runs").iterdir()
    assert len(list(run.iterdir())) == 2  # one by each JobManager: nothing was taken back


@pytest.mark.usefixtures("tensorboard")
def test_steps_that_were_taken_back_are_taken_out_of_the_files(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    tool = files_of(world, tmp_path)
    world.manager.train(job_id, {"epochs": 400, "threads": 1})
    wait_until(lambda: world.trains(job_id), 20.0, "it does not train")
    wait_until(lambda: len(by_api(world, job_id)["loss"]) > 40, 20.0, "there are no steps")
    tool.tell_news()
    world.ray.lose(2)
    wait_until(lambda: world.manager.get_job(job_id)["recovery"], 20.0, "nothing is lost")
    wait_until(lambda: world.trains(job_id), 20.0, "it does not go on")
    tool.tell_news()
    world.manager.stop_job(job_id)
    wait_until(lambda: world.manager.get_job(job_id)["status"] == "stopped", 20.0, "it trains on")
    tool.tell_news()
    losses = in_files(tmp_path / "runs")["loss"]
    assert [step for step, _ in losses] == list(range(1, len(losses) + 1))
    assert losses == single(by_api(world, job_id))["loss"]


@pytest.mark.usefixtures("tensorboard")
def test_a_folder_that_cant_be_written_is_trouble_and_told_again_later(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    (tmp_path / "runs").write_text("a file where the folder should be")
    tool = files_of(world, tmp_path)
    with pytest.raises(ToolTrouble) as trouble:
        tool.tell_news()
    assert trouble.value.job_id == job_id
    (tmp_path / "runs").unlink()
    tool.tell_news()
    assert in_files(tmp_path / "runs") == single(by_api(world, job_id))


def test_without_the_package_a_job_tells_how_it_is_installed(
    world: JobManagerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ToolTrouble, match="pip install") as trouble:
        files_of(world, tmp_path).tell_news()
    assert trouble.value.job_id == job_id


@pytest.mark.usefixtures("tensorboard")
def test_a_deleted_job_is_forgotten_and_its_files_stay(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    tool = files_of(world, tmp_path)
    tool.tell_news()
    world.manager.delete_job(job_id)
    tool.tell_news()
    assert len(list((tmp_path / "runs").iterdir())) == 1


# MLflow


def test_a_run_has_what_the_api_has_and_how_it_ended(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MlflowServer()
    tool.answer = server.answer
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


def test_a_server_that_is_away_is_told_later_and_has_one_run(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path
) -> None:
    server = MlflowServer()
    tool.answer = server.answer
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
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


def test_a_server_that_fails_half_way_has_one_run(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path
) -> None:
    server = MlflowServer()

    def half(request: Received) -> Answer:
        is_batch = request.path.endswith("log-batch") and "metrics" in request.json
        return (500, {}) if is_batch else server.answer(request)

    tool.answer = half
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    with pytest.raises(ToolTrouble):
        mlflow.tell_news()
    tool.answer = server.answer
    mlflow.tell_news()
    (run,) = server.runs
    assert run["metrics"] == by_api(world, job_id)


def test_many_points_go_in_pieces(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.followers.mlflow_runs.METRICS_AT_ONCE", 10)
    server = MlflowServer()
    tool.answer = server.answer
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    mlflow.tell_news()
    assert sum("log-batch" in r.path for r in tool.received) > 3
    assert server.runs[0]["metrics"] == by_api(world, job_id)
