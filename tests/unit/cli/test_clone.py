from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import InvalidRequest
from tests.support.command_line import Tandem
from tests.support.fake_job_client import DETAILS
from tests.support.scripted_job_client import ScriptedJobClient, job_at


def asked(fake: ScriptedJobClient) -> list[tuple[Any, ...]]:
    return [given for name, given in fake.calls if name == "clone_job"]


def test_fields_are_set_as_a_job_file_has_them(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem(
        *("clone", "1", "--set", "train_config.learning_rate=5e-2"),
        *("--set", "model_config.layers=[{type: Linear, out_features: 10}]"),
        *("--set", "train_config.optimizer=AdamW", "--set", "model_config.seed="),
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Job 2 is like job 1 but for train_config.learning_rate=5e-2")
    ((job, train, model, weights),) = asked(fake)
    assert (job, weights) == ("1", False)
    assert model == {"layers": [{"type": "Linear", "out_features": 10}], "seed": None}
    assert train == {"learning_rate": 0.05, "optimizer": "AdamW"}


def test_the_task_and_the_weights_are_asked_for_too(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    assert tandem("clone", "1", "--set", "task=binary", "--weights").exit_code == 0
    assert asked(fake) == [("1", "binary", True)]


@pytest.mark.parametrize(
    "given",
    ["epochs=3", "train_config.epochs", "train_config=3", "devices.ip=1", "task", "=3", "x={"],
)
def test_what_sets_nothing_is_refused_with_an_example(
    tandem: Tandem, fake: ScriptedJobClient, given: str
) -> None:
    done = tandem("clone", "1", "--set", given)
    assert done.exit_code == 1 and "train_config.epochs=3" in done.stderr
    assert asked(fake) == []


def test_a_value_that_can_t_be_read_is_refused_by_its_name(tandem: Tandem) -> None:
    done = tandem("clone", "1", "--set", "model_config.layers=[{")
    assert done.exit_code == 1 and "--set model_config.layers can't be read" in done.stderr


def test_it_is_trained_where_the_first_one_was(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = [job_at(1), {**DETAILS, "status": "training"}, job_at(3, status="completed")]
    done = tandem("clone", "1", "--train")
    assert done.exit_code == 0, done.stderr
    assert fake.asked()[1:5] == [
        ("register_device", ("10.0.0.1", 5001, "2")),
        ("register_device", ("10.0.0.2", 5001, "2")),
        ("initialize", ("2", {})),
        ("train", ("2", {})),
    ]
    assert "epoch 3" in done.stdout


def test_a_refusal_is_one_sentence(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.errors["clone_job"] = InvalidRequest("train_config.epochs is 0, but must be 1 or more")
    done = tandem("clone", "1", "--set", "train_config.epochs=0")
    assert done.exit_code == 1 and done.stderr.startswith("tandem: train_config.epochs is 0")
