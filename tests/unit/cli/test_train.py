"""``tandem train``: from a file to weights, and what happens to the job if that fails."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from http_gateway.cli.jobs import training
from http_gateway.process.interrupts import SAME_PRESS_S
from orchestrator.errors import DeviceBusy, IllegalTransition, InvalidRequest, NodeNotFound
from tests.support.command_line import Tandem, events
from tests.support.fake_job_client import DETAILS, WEIGHTS
from tests.support.plans import PLAN
from tests.support.ports import free_ports
from tests.support.scripted_job_client import ScriptedJobClient, job_at, whole_session

EXAMPLES = Path(__file__).parents[3] / "configs" / "jobs"
STARTED = ["create_job", "register_device", "register_device", "initialize", "get_plan", "train"]


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def press_ctrl_c_again() -> None:
    time.sleep(2 * SAME_PRESS_S)  # as a person does
    press_ctrl_c()


def test_it_asks_for_what_the_file_says_and_shows_every_epoch(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.script = whole_session()
    result = tandem("train", job_file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert fake.asked() == [
        (
            "create_job",
            (
                {"layer_sizes": [784, 128, 10], "seed": 7},
                {"name": "digits", "resize": [28, 28]},
                {"min_devices": 2},
                {"interval_s": 5},
            ),
        ),
        ("register_device", ("localhost", 5001, "1")),
        ("register_device", ("10.0.0.2", 5002, "1")),
        ("initialize", ("1", {})),
        ("get_plan", ("1",)),
        ("train", ("1", {"epochs": 3, "learning_rate": 0.05})),
    ]
    lines = result.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in epochs] == ["epoch 1", "epoch 2", "epoch 3"]
    assert any(PLAN["verdict"]["text"] in line for line in lines)
    assert "train loss 0.5000" in epochs[1] and "accuracy 95.00%" in epochs[1]
    assert "2: 10.0.0.2:5001" in result.stdout and "validation accuracy" in result.stdout
    assert not any(ord(c) < 32 for c in result.stdout.replace("\n", ""))


def test_a_wire_of_the_command_is_in_the_place_of_the_files(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.script = whole_session()
    job_file.write_text(job_file.read_text().replace("epochs: 3", "epochs: 3, wire: bf16"))
    assert tandem("train", job_file, "--wire", "int8").exit_code == 0
    asked = dict(fake.asked())
    assert asked["create_job"][2] == {"wire": "int8"}
    assert asked["train"] == ("1", {"epochs": 3, "learning_rate": 0.05})


@pytest.mark.parametrize("name", ["cnn.yaml", "digits.yaml"])
def test_any_of_the_examples_is_created_by_the_words_for_its_model(
    tandem: Tandem, fake: ScriptedJobClient, name: str
) -> None:
    fake.script = whole_session()
    result = tandem("train", EXAMPLES / name)
    assert (result.exit_code, result.stderr) == (0, "")
    words = {"cnn.yaml": "cnn on MNIST", "digits.yaml": "[784, 128, 64, 10] on digits"}[name]
    assert words in " ".join(result.stdout.split())


def test_a_broken_job_is_told_with_its_reason(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = [job_at(0, 0, "broken", error="it can't be read")] * 2
    result = tandem("watch", "1")
    assert result.exit_code == 1
    assert "tandem: Job 1 is broken: it can't be read\n" in result.stderr


def test_programs_get_one_object_a_line(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, tmp_path: Path
) -> None:
    fake.script = whole_session()
    out = tmp_path / "model.safetensors"
    result = tandem("train", job_file, "--json", "--model-out", out)
    told = events(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert told[0] == {"event": "created", "job_id": "1"}
    assert told[-1] == {"event": "ended", "status": "completed", "error": None}
    assert told[-4] == {"event": "model", "path": str(out), "bytes": len(WEIGHTS)}
    assert out.read_bytes() == WEIGHTS
    kinds = [event["event"] for event in told]
    assert kinds[1:5] == ["registered", "registered", "initialized", "training"]
    assert [e["epoch"] for e in told if e["event"] == "epoch"] == [1, 2, 3]
    steps = [(e["epoch"], e["step"]) for e in told if e["event"] == "progress"]
    assert steps == [(0, 0), (1, 2), (2, 1), (3, 3), (3, 4)]
    devices = [e for e in told if e["event"] == "device"]
    assert [(d["device_id"], d["layers"], d["total_tflops"]) for d in devices] == [
        (1, [0, 2], 0.0018),
        (2, [2, 3], 0.0018),
    ]


def test_a_failed_job_is_told_with_its_error(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, tmp_path: Path
) -> None:
    fake.script = [job_at(1, 2), job_at(1, 2, "failed", error="device 2 is gone")]
    out = tmp_path / "model.safetensors"
    result = tandem("train", job_file, "--model-out", out)
    assert result.exit_code == 1
    assert result.stderr == "tandem: Job 1 failed: device 2 is gone\n"
    assert "epoch 1: " in result.stdout and not out.exists()
    assert "delete_job" not in fake.names()

    fake.script = [job_at(0, 0, "failed", error="device 2 is gone")]
    told = events(tandem("train", job_file, "--json").stdout)
    assert told[-1] == {"event": "ended", "status": "failed", "error": "device 2 is gone"}
    assert [event["event"] for event in told].count("ended") == 1


def test_a_job_that_someone_stopped_is_no_success(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, url: str
) -> None:
    fake.script = [job_at(1, 2, "stopped")]
    result = tandem("train", job_file)
    assert result.exit_code == 1
    assert "stopped in epoch 2 of 3" in result.stderr
    assert f"tandem resume 1 --url {url}" in result.stderr


def test_a_wrong_file_is_refused_before_anything_is_asked(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    job_file.write_text(job_file.read_text().replace("epochs", "epoch"))
    result = tandem("train", job_file)
    assert (result.exit_code, result.stdout, fake.calls) == (1, "", [])
    assert 'train has no field "epoch"; it has: epochs' in result.stderr
    (ended,) = events(tandem("train", job_file, "--json").stdout)
    assert ended["event"] == "ended" and ended["status"] is None
    assert 'no field "epoch"' in ended["error"]


@pytest.mark.parametrize("out", [".", "no/such/folder/model"])
def test_weights_that_could_not_be_kept_are_refused_before_the_training(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, out: str
) -> None:
    result = tandem("train", job_file, "--model-out", job_file.parent / out)
    assert (result.exit_code, fake.calls) == (1, [])
    assert "--model-out is" in result.stderr and "folder that exists" in result.stderr


def test_a_disk_that_fills_up_meanwhile_loses_nothing_else(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, tmp_path: Path
) -> None:
    fake.script = [job_at(3, status="completed")]
    out = tmp_path / "model.safetensors"
    fake.hooks["get_model"] = out.mkdir
    result = tandem("train", job_file, "--model-out", out)
    assert result.exit_code == 1
    assert "Job 1 is completed, but" in result.stderr and "/api/jobs/1/model" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.yaml", "model.safetensors"]


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("register_device", NodeNotFound("No live Ray node answers to localhost:5001")),
        ("initialize", DeviceBusy("Device localhost:5001 is held by job 3")),
        ("train", InvalidRequest("num_microbatches is 999")),
    ],
)
def test_a_job_that_is_refused_is_named_and_deleted(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, method: str, error: Exception
) -> None:
    fake.errors[method] = error
    result = tandem("train", job_file)
    assert result.exit_code == 1
    assert result.stderr == f"tandem: Job 1 was refused: {error}; job 1 was deleted again\n"
    assert fake.names()[-2:] == [method, "delete_job"]


def test_a_job_that_is_not_even_created_leaves_nothing_to_delete(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.errors["create_job"] = InvalidRequest("dataset_config.name is 'digits'")
    result = tandem("train", job_file)
    assert (result.exit_code, fake.names()) == (1, ["create_job"])
    assert result.stderr == "tandem: dataset_config.name is 'digits'\n"


def test_a_job_that_can_not_be_deleted_is_left_with_the_way_to_do_it(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, url: str
) -> None:
    fake.errors["initialize"] = DeviceBusy("held")
    fake.errors["delete_job"] = RuntimeError("broken")
    result = tandem("train", job_file)
    assert f"curl -X DELETE {url}/api/jobs/1" in result.stderr


def test_a_job_that_trains_after_all_is_not_deleted(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.errors["train"] = RuntimeError("the answer was lost")
    fake.script = [job_at(0)]
    result = tandem("train", job_file)
    assert result.exit_code == 1 and "delete_job" not in fake.names()
    assert "job 1 trains; watch it: tandem watch 1" in result.stderr


def test_ctrl_c_leaves_the_job_training_and_says_how_to_go_on(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, url: str
) -> None:
    fake.script = [job_at(0, 1)]
    fake.hooks["get_job"] = press_ctrl_c
    result = tandem("train", job_file, "--json")
    assert result.exit_code == 130
    assert fake.names() == STARTED
    assert f"tandem watch 1 --url {url}" in result.stderr
    assert f"tandem pause 1 --url {url}" in result.stderr
    told = events(result.stdout)
    assert told[-1]["event"] == "ended" and told[-1]["status"] is None
    assert "tandem watch 1" in told[-1]["error"]


def test_ctrl_c_before_the_training_takes_the_job_back(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    busy = IllegalTransition("Job 1 is being initialized: wait until that is done")

    def interrupted() -> None:
        fake.errors["delete_job"] = busy
        press_ctrl_c()

    def looked_at() -> None:
        if fake.names().count("delete_job") == 3:  # the initialize has come to its end
            fake.errors.clear()

    fake.hooks = {"initialize": interrupted, "get_job": looked_at}
    result = tandem("train", job_file)
    assert result.exit_code == 130
    assert result.stderr == "tandem: Interrupted; job 1 was deleted again\n"
    assert fake.names()[4:] == ["delete_job"] * 4


def test_a_second_ctrl_c_leaves_the_job_and_says_how_to_delete_it(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, url: str
) -> None:
    fake.errors["delete_job"] = IllegalTransition("Job 1 is being initialized")
    fake.hooks = {"initialize": press_ctrl_c, "delete_job": press_ctrl_c_again}
    began = time.monotonic()
    result = tandem("train", job_file)
    assert result.exit_code == 130 and time.monotonic() - began < training.TAKE_BACK_S / 2
    assert f"curl -X DELETE {url}/api/jobs/1" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("method", STARTED)
def test_whatever_interrupts_it_wherever_the_job_is_taken_back(
    tandem: Tandem,
    fake: ScriptedJobClient,
    job_file: Path,
    method: str,
    number: signal.Signals,
) -> None:
    fake.hooks[method] = lambda: fake.hooks.clear() or os.kill(os.getpid(), number)
    result = tandem("train", job_file)
    assert result.exit_code == 128 + number
    assert "job 1 was deleted again" in result.stderr
    assert fake.names()[-1] == "delete_job"


def test_a_create_whose_answer_is_lost_is_asked_for_again_under_its_key(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.hooks["create_job"] = lambda: fake.hooks.clear() or press_ctrl_c()
    assert "job 1 was deleted again" in tandem("train", job_file).stderr
    keys = {arguments[0] for name, arguments in fake.calls if name == "begin_request"}
    assert fake.names() == ["create_job", "create_job", "delete_job"] and len(keys) == 1


def test_a_job_whose_create_nobody_answers_is_not_said_not_to_be(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, url: str
) -> None:
    fake.hooks["create_job"] = press_ctrl_c
    fake.errors["create_job"] = RuntimeError("broken")
    assert f"curl {url}/api/jobs" in tandem("train", job_file).stderr


def test_a_job_that_stays_busy_is_left(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "TAKE_BACK_S", 0.01)
    fake.errors["initialize"] = DeviceBusy("held")
    fake.errors["delete_job"] = IllegalTransition("Job 1 is being initialized")
    assert "curl -X DELETE" in tandem("train", job_file).stderr


def test_without_a_gateway_it_says_so(tandem: Tandem, job_file: Path) -> None:
    (port,) = free_ports(1)
    result = tandem("train", job_file, "--url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"No gateway answers at http://127.0.0.1:{port}" in result.stderr
    assert "`tandem serve`" in result.stderr


def test_a_job_that_is_deleted_meanwhile_is_lost_to_sight(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    fake.script = [DETAILS]
    fake.hooks["train"] = lambda: fake.errors.update(get_job=NodeNotFound("Job not found"))
    result = tandem("train", job_file)
    assert result.exit_code == 1
    assert "Job 1 " in result.stderr and "Job not found" in result.stderr
