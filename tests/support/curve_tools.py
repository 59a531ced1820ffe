"""Jobs that TensorBoard and MLflow are told of, and what these have of them then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.followers.mlflow_runs import MlflowRuns
from orchestrator.followers.positions import PositionFile
from orchestrator.followers.tensorboard_files import TensorBoardFiles
from orchestrator.jobs.job_book import JobBook
from tests.support.http_tool import Answer, HttpTool, Received
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

Points = list[tuple[int, float]]


def new_job(world: JobManagerWorld) -> str:
    """Initialized on two devices; an epoch has 23 steps."""
    manager = world.manager
    data = {"name": "digits", "batch_size": 64}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, epochs: int = 2) -> None:
    """To the end."""
    world.manager.train(job_id, {"epochs": epochs, "threads": 1})
    done = ("completed", "failed")
    wait_until(lambda: world.manager.get_job(job_id)["status"] in done, 30.0, "it trains on")


def by_api(world: JobManagerWorld, job_id: str) -> dict[str, Points]:
    """The curves as the API has them."""
    series = world.manager.get_metrics(job_id)["series"]
    return {s["name"]: list(zip(s["steps"], s["values"], strict=True)) for s in series}


def book_of(world: JobManagerWorld) -> JobBook:
    return world.manager._book


def files_of(world: JobManagerWorld, folder: Path) -> TensorBoardFiles:
    """In ``runs`` of the folder."""
    position = PositionFile(folder / "tensorboard.json")
    return TensorBoardFiles(book_of(world), position, folder / "runs")


def in_files(folder: Path) -> dict[str, Points]:
    """Those of the one job there, as TensorBoard reads them: in single precision."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (run,) = folder.iterdir()
    found = accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0})
    found.Reload()
    return {
        name: [(event.step, event.value) for event in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def single(points: dict[str, Points]) -> dict[str, Any]:
    """For a comparison with them."""
    return {
        name: [(step, pytest.approx(value, rel=1e-6)) for step, value in of_name]
        for name, of_name in points.items()
    }


def runs_of(world: JobManagerWorld, tool: HttpTool, folder: Path) -> MlflowRuns:
    return MlflowRuns(book_of(world), PositionFile(folder / "mlflow.json"), tool.url + "/")


class MlflowServer:
    """What an MLflow server keeps of what it is told."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: list[dict[str, Any]] = []
        self.is_up = True

    def answer(self, request: Received) -> Answer:
        """An ``HttpTool``'s."""
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
        if run.get("is_deleted"):
            return 400, {"error_code": "INVALID_PARAMETER_VALUE"}
        if what == "runs/update":
            run["status"] = body["status"]
            return 200, {"run_info": {}}
        assert what == "runs/log-batch"
        assert len(body.get("metrics", [])) <= 1_000 and len(body.get("params", [])) <= 100
        for point in body.get("metrics", []):
            run["metrics"].setdefault(point["key"], []).append((point["step"], point["value"]))
        run.setdefault("params", {}).update({p["key"]: p["value"] for p in body.get("params", [])})
        return 200, {}
