from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.command_line import Tandem
from tests.support.scripted_job_client import ScriptedJobClient

TOLD: dict[str, Any] = {
    "job_id": "1",
    "data": "pets",
    "splits": ["validation"],
    "num_samples": 1234,
    "metrics": {"loss": 0.5, "accuracy": 0.75},
    "class_names": ["cat", "[dog]"],
    "classes": [
        {
            "index": 0,
            "name": "cat",
            "num_samples": 1000,
            "num_predicted": 900,
            "precision": 0.9,
            "recall": 0.81,
        },
        {
            "index": 1,
            "name": "[dog]",
            "num_samples": 234,
            "num_predicted": 0,
            "precision": None,
            "recall": 0.0,
        },
    ],
    "confusion_matrix": [[810, 190], [234, 0]],
    "confusions": [{"target": 1, "predicted": 0, "count": 234}],
    "worst": [
        {
            "split": "validation",
            "index": 7,
            "place": "pets/[dog]/7.png",
            "target": 1,
            "predicted": 0,
            "loss": 9.25,
        }
    ],
    "seconds": 1.5,
}


@pytest.fixture(autouse=True)
def answers(fake: ScriptedJobClient) -> None:
    fake.answers["evaluate"] = TOLD


def asked(fake: ScriptedJobClient) -> list[tuple[Any, ...]]:
    return [given for name, given in fake.calls if name == "evaluate"]


def test_what_is_right_and_wrong_is_shown(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem("evaluate", "1")
    assert done.exit_code == 0, done.stderr
    for shown in ("1,234 samples", "accuracy 75.00%", "[dog]", "81.0%", "810", "7.png", "9.2500"):
        assert shown in done.stdout
    assert asked(fake) == [("1",)]


def test_of_many_classes_the_most_frequent_mistakes_are_shown(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.answers["evaluate"] = {**TOLD, "confusion_matrix": None}
    done = tandem("evaluate", "1")
    assert "mistakes" in done.stdout and "234" in done.stdout


def test_numbers_and_tokens_have_less_to_show(tandem: Tandem, fake: ScriptedJobClient) -> None:
    own = {**TOLD["worst"][0], "place": None, "target": [1.5], "predicted": None, "loss": None}
    nothing: dict[str, Any] = {
        "class_names": None,
        "classes": [],
        "confusion_matrix": None,
        "confusions": [],
    }
    fake.answers["evaluate"] = {**TOLD, **nothing, "classes": [], "confusions": [], "worst": [own]}
    done = tandem("evaluate", "1")
    assert done.exit_code == 0 and "validation 7" in done.stdout and "[1.5]" in done.stdout


def test_json_is_what_the_api_answers(tandem: Tandem) -> None:
    assert json.loads(tandem("evaluate", "1", "--json").stdout) == TOLD


def test_the_request_follows_from_the_options(tandem: Tandem, fake: ScriptedJobClient) -> None:
    given = ["--path", "b.csv", "--set", "target=y", "--split", "all", "--worst", 3]
    assert tandem("evaluate", "1", *given).exit_code == 0
    ((job_id, config, split, num_worst),) = asked(fake)
    assert config == {"format": "csv", "path": "b.csv", "target": "y"}
    assert (job_id, split, num_worst) == ("1", "all", 3)


def test_fields_without_a_path_are_refused(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem("evaluate", "1", "--set", "target=y")
    assert done.exit_code == 1 and "--path" in done.stderr and asked(fake) == []


def test_a_class_that_can_not_be_seen_is_in_quotes(tandem: Tandem, fake: ScriptedJobClient) -> None:
    first = {**TOLD["classes"][0], "name": " "}
    fake.answers["evaluate"] = {**TOLD, "class_names": [" ", "\n"], "classes": [first]}
    done = tandem("evaluate", "1")
    assert '" "' in done.stdout and '"\\n"' in done.stdout
