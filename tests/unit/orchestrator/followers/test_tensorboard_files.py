"""TensorBoard's files have what the API tells of a job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.tensorboard_files import TensorBoardFiles
from tests.support.curve_tools import (
    book_of,
    by_api,
    files_of,
    in_files,
    new_job,
    single,
    train,
)
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until


@pytest.fixture
def files(world: JobManagerWorld, tmp_path: Path, tensorboard: None) -> TensorBoardFiles:
    return files_of(world, tmp_path)


def test_the_files_have_what_the_api_has_over_two_sessions_and_a_restart(
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id)
    files.tell_news()
    first = by_api(world, job_id)
    assert in_files(tmp_path / "runs") == single(first) and len(first["loss"]) == 46
    train(world, job_id)
    later = files_of(world, tmp_path)
    later.tell_news()
    later.tell_news()
    both = by_api(world, job_id)
    assert in_files(tmp_path / "runs") == single(both) and len(both["loss"]) == 92
    (run,) = (tmp_path / "runs").iterdir()
    assert len(list(run.iterdir())) == 2  # one by each JobManager: nothing was taken back


def test_steps_that_were_taken_back_are_taken_out_of_the_files(
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path
) -> None:
    job_id = new_job(world)
    world.manager.train(job_id, {"epochs": 400, "threads": 1})
    wait_until(lambda: world.trains(job_id), 20.0, "it does not train")
    wait_until(lambda: len(by_api(world, job_id)["loss"]) > 40, 20.0, "there are no steps")
    files.tell_news()
    world.ray.lose(2)
    wait_until(lambda: world.manager.get_job(job_id)["recovery"], 20.0, "nothing is lost")
    wait_until(lambda: world.trains(job_id), 20.0, "it does not go on")
    files.tell_news()
    world.manager.stop_job(job_id)
    wait_until(lambda: world.manager.get_job(job_id)["status"] == "stopped", 20.0, "it trains on")
    files.tell_news()
    losses = in_files(tmp_path / "runs")["loss"]
    assert [step for step, _ in losses] == list(range(1, len(losses) + 1))
    assert losses == single(by_api(world, job_id))["loss"]


@pytest.mark.parametrize("looks_between", [False, True])
def test_files_have_the_curves_of_the_job_s_own_weights_alone(
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path, looks_between: bool
) -> None:
    job_id = new_job(world)
    for epochs in (2, 1, 1):
        world.manager.initialize(job_id)
        if looks_between:
            files.tell_news()
        train(world, job_id, epochs)
        files.tell_news()
        own = by_api(world, job_id)
        assert in_files(tmp_path / "runs") == single(own) and len(own["loss"]) == 23 * epochs


def test_a_curve_that_comes_later_takes_no_other_one_out(
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path
) -> None:
    """A roll-back to step 2; the epoch's own values come with a later look than its steps."""
    job, known = book_of(world).get(new_job(world)), dict[str, Any]()

    def curve(name: str, *steps: int) -> dict[str, Any]:
        numbers = [float(step) for step in steps]
        return {"name": name, "steps": list(steps), "at": numbers, "values": numbers}

    files._tell(job, known, [curve("loss", 1, 2, 3, 4), curve("train_loss", 4)])
    files._tell(job, known, [curve("loss", 3, 4, 5)])
    files._tell(job, known, [curve("loss", 6), curve("train_loss", 4)])
    found = in_files(tmp_path / "runs")
    assert {name: [step for step, _ in points] for name, points in found.items()} == {
        "loss": [1, 2, 3, 4, 5, 6],
        "train_loss": [4],
    }


def test_a_folder_that_cant_be_written_is_trouble_and_told_again_later(
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(ToolTrouble) as trouble:
        files.tell_news()
    assert trouble.value.job_id == job_id
    (tmp_path / "runs").unlink()
    files.tell_news()
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
    world: JobManagerWorld, files: TensorBoardFiles, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id, epochs=1)
    files.tell_news()
    world.manager.delete_job(job_id)
    files.tell_news()
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_of_a_job_that_is_deleted_while_it_trains_no_file_stays_open(
    world: JobManagerWorld, files: TensorBoardFiles
) -> None:
    job_id = new_job(world)
    world.manager.train(job_id, {"epochs": 400, "threads": 1})
    wait_until(lambda: by_api(world, job_id)["loss"], 20.0, "there are no steps")
    files.tell_news()
    assert len(files._writers) == 1
    world.manager.delete_job(job_id, force=True)
    files.tell_news()
    assert files._writers == {}
