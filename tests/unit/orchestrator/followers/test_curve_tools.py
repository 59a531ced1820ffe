"""TensorBoard and MLflow are told what the API tells of a job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.mlflow_runs import MlflowRuns
from orchestrator.followers.positions import PositionFile
from orchestrator.followers.tensorboard_files import TensorBoardFiles
from orchestrator.jobs.job_book import JobBook
from tests.support.http_tool import Answer, HttpTool, Received, http_tool
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

Points = list[tuple[int, float]]


@pytest.fixture
def tool() -> Iterator[HttpTool]:
    with http_tool() as tool:
        yield tool


def new_job(world: JobManagerWorld) -> str:
    manager = world.manager
    data = {"name": "digits", "batch_size": 64}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, epochs: int = 2) -> None:
    world.manager.train(job_id, {"epochs": epochs, "threads": 1})
    done = ("completed", "failed")
    wait_until(lambda: world.manager.get_job(job_id)["status"] in done, 30.0, "it trains on")


def by_api(world: JobManagerWorld, job_id: str) -> dict[str, Points]:
    series = world.manager.get_metrics(job_id)["series"]
    return {s["name"]: list(zip(s["steps"], s["values"], strict=True)) for s in series}


def book_of(world: JobManagerWorld) -> JobBook:
    return world.manager._book


# TensorBoard


def in_files(folder: Path) -> dict[str, Points]:
    """As TensorBoard reads them: in single precision."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (run,) = folder.iterdir()
    found = accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0})
    found.Reload()
    return {
        name: [(event.step, event.value) for event in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def single(points: dict[str, Points]) -> dict[str, Any]:
    return {
        name: [(step, pytest.approx(value, rel=1e-6)) for step, value in of_name]
        for name, of_name in points.items()
    }


def files_of(world: JobManagerWorld, folder: Path) -> TensorBoardFiles:
    position = PositionFile(folder / "tensorboard.json")
    return TensorBoardFiles(book_of(world), position, folder / "runs")


def test_the_files_have_what_the_api_has_over_two_sessions_and_a_restart(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
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


def test_steps_that_were_taken_back_are_taken_out_of_the_files(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
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


def test_a_folder_that_cant_be_written_is_trouble_and_told_again_later(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
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


def test_a_deleted_job_is_forgotten_and_its_files_stay(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    tool = files_of(world, tmp_path)
    tool.tell_news()
    world.manager.delete_job(job_id)
    tool.tell_news()
    assert len(list((tmp_path / "runs").iterdir())) == 1


# MLflow


class Server:
    """What an MLflow server keeps of what it is told."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: list[dict[str, Any]] = []
        self.is_up = True

    def answer(self, request: Received) -> Answer:
        if not self.is_up:
            return 503, {"error_code": "TEMPORARILY_UNAVAILABLE"}
        path, _, query = request.path.partition("?")
        what = path.removeprefix("/api/2.0/mlflow/")
        if what == "experiments/get-by-name":
            name = query.partition("=")[2]
            if name not in self.experiments:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            return 200, {"experiment": {"experiment_id": self.experiments[name]}}
        body = request.json
        if what == "experiments/create":
            self.experiments[body["name"]] = "17"
            return 200, {"experiment_id": "17"}
        if what == "runs/create":
            assert body["experiment_id"] == "17"
            run_id = f"run-{len(self.runs)}"
            self.runs.append({"name": body["run_name"], "status": "RUNNING", "metrics": {}})
            return 200, {"run": {"info": {"run_id": run_id}}}
        run = self.runs[int(body["run_id"].removeprefix("run-"))]
        if what == "runs/update":
            run["status"] = body["status"]
            return 200, {"run_info": {}}
        assert what == "runs/log-batch"
        assert len(body.get("metrics", [])) <= 1_000 and len(body.get("params", [])) <= 100
        for point in body.get("metrics", []):
            run["metrics"].setdefault(point["key"], []).append((point["step"], point["value"]))
        run.setdefault("params", {}).update({p["key"]: p["value"] for p in body.get("params", [])})
        return 200, {}


def runs_of(world: JobManagerWorld, tool: HttpTool, folder: Path) -> MlflowRuns:
    return MlflowRuns(book_of(world), PositionFile(folder / "mlflow.json"), tool.url + "/")


def test_a_run_has_what_the_api_has_and_how_it_ended(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
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
    assert run["params"]["epochs"] == "2" and "digits" in run["params"]["dataset_config"]


def test_a_server_that_is_away_is_told_later_and_has_one_run(
    world: JobManagerWorld, tool: HttpTool, tmp_path: Path
) -> None:
    server = Server()
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
    server = Server()

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
    server = Server()
    tool.answer = server.answer
    mlflow = runs_of(world, tool, tmp_path)
    mlflow.tell_news()
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    mlflow.tell_news()
    assert sum("log-batch" in r.path for r in tool.received) > 3
    assert server.runs[0]["metrics"] == by_api(world, job_id)
