from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from http_gateway.cli.jobs.job_file import load_job_file
from orchestrator.errors import InvalidRequest
from tests.support.command_line import Tandem
from tests.support.scripted_job_client import ScriptedJobClient

TOLD: dict[str, Any] = {
    "data": "pets",
    "num_train": 8,
    "num_val": 2,
    "inputs": {"shape": [3, 32, 32], "dtype": "float32", "kind": "pixels"},
    "task": "classification",
    "num_classes": 2,
    "classes": [{"name": "[cat]", "num_train": 4, "num_val": 1}],
    "columns": [
        {
            "name": "size",
            "type": "numbers",
            "num_categories": None,
            "categories": [],
            "num_missing": 1234,
            "missing_filled_with": 0.5,
        }
    ],
    "num_columns": 1,
    "num_skipped": 3,
    "skipped": [{"place": "/data/pets/notes.txt", "reason": "is no image"}],
    "examples": [{"place": "/data/pets/cat/1.png", "input": [1, 2], "target": "[cat]"}],
    "fingerprint": "ab",
    "suggested": {
        "model_config": {"architecture": "cnn"},
        "train_config": {"epochs": 3},
        "batch_size": 4,
    },
}


@pytest.fixture(autouse=True)
def answers(fake: ScriptedJobClient) -> None:
    fake.answers["inspect_dataset"] = TOLD


def asked(fake: ScriptedJobClient) -> list[dict[str, Any]]:
    return [given[0] for name, given in fake.calls if name == "inspect_dataset"]


def test_what_was_understood_is_shown(tandem: Tandem) -> None:
    done = tandem("dataset", "show", "pets")
    assert done.exit_code == 0, done.stderr
    for shown in ("8 training and 2 validation", "3 × 32 × 32 pixels", "[cat]", "1,234", "1.png"):
        assert shown in done.stdout
    assert "notes.txt is no image" in done.stdout and "2 more" in done.stdout


def test_json_is_what_the_api_answers(tandem: Tandem) -> None:
    assert json.loads(tandem("dataset", "show", "pets", "--json").stdout) == TOLD


@pytest.mark.parametrize(
    ("args", "config"),
    [
        (("pets",), {"format": "image_folder", "path": "pets"}),
        (("a.csv", "--target", "y"), {"format": "csv", "path": "a.csv", "target": "y"}),
        (("/x/a.tsv",), {"format": "csv", "path": "/x/a.tsv", "delimiter": "\t"}),
        (("a.dat", "--format", "csv"), {"format": "csv", "path": "a.dat"}),
        (
            ("a.csv", "--set", "decimal=,", "--set", "delimiter=|"),
            {"format": "csv", "path": "a.csv", "decimal": ",", "delimiter": "|"},
        ),
        (
            ("pets", "--set", "resize=[8, 9]", "--set", "channels=1"),
            {"format": "image_folder", "path": "pets", "resize": [8, 9], "channels": 1},
        ),
    ],
    ids=str,
)
def test_the_request_follows_from_the_path_and_the_options(
    tandem: Tandem, fake: ScriptedJobClient, args: tuple[str, ...], config: dict[str, Any]
) -> None:
    assert tandem("dataset", "show", *args).exit_code == 0
    assert asked(fake) == [config]


def test_a_path_from_here_is_sent_whole(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tandem("dataset", "show", "./pets")
    assert asked(fake)[0]["path"] == str(tmp_path / "pets")


@pytest.mark.parametrize("args", [("a.xyz",), ("pets", "--set", "resize"), ("pets", "--set", "=1")])
def test_what_can_not_be_asked_is_one_sentence(
    tandem: Tandem, fake: ScriptedJobClient, args: tuple[str, ...]
) -> None:
    for command in (("dataset", "show"), ("init",)):
        done = tandem(*command, *args)
        assert done.exit_code == 1 and done.stderr.startswith("tandem: ")
        assert len(done.stderr.strip().splitlines()) == 1
    assert asked(fake) == []


def test_the_file_that_is_written_is_a_job(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    out = tmp_path / "job.yaml"
    done = tandem("init", "pets", "--out", str(out))
    assert done.exit_code == 0, done.stderr
    assert f"tandem train {out}" in done.stdout
    job = load_job_file(out)
    assert job.model_config == {"architecture": "cnn"}
    assert job.dataset_config == {"format": "image_folder", "path": "pets", "batch_size": 4}
    assert job.devices == ({"ip": "192.168.1.6", "port": 5001},)
    assert yaml.safe_load(out.read_text())["train_config"] == {"epochs": 3}


def test_a_file_that_is_there_is_not_written_over(
    tandem: Tandem, fake: ScriptedJobClient, job_file: Path
) -> None:
    before = job_file.read_text()
    done = tandem("init", "pets", "--out", str(job_file))
    assert done.exit_code == 1 and str(job_file) in done.stderr
    assert job_file.read_text() == before and asked(fake) == []


def test_images_of_several_sizes_are_given_one(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    def answer(dataset_config: dict[str, Any]) -> dict[str, Any]:
        if "resize" not in dataset_config:
            raise InvalidRequest("dataset_config.resize is missing: images differ")
        return TOLD

    fake.answers["inspect_dataset"] = answer
    out = tmp_path / "job.yaml"
    assert tandem("init", "pets", "--out", str(out)).exit_code == 0
    assert load_job_file(out).dataset_config["resize"] == [64, 64]


LARGE = {**TOLD, "inputs": {"shape": [3, 3024, 4032], "dtype": "float32", "kind": "pixels"}}


@pytest.mark.parametrize(
    ("path", "chosen"),
    [("photos", [64, 64]), ("uploaded", [64, 64]), ("sized", None), ("arrays", None)],
)
def test_large_images_are_made_smaller_to_begin_with(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path, path: str, chosen: list[int] | None
) -> None:
    own = {
        "uploaded": {"format": "image_folder", "path": "pets"},
        "sized": {"format": "image_folder", "path": "pets", "resize": [400, 500]},
        "arrays": {"format": "npz", "path": "a.npz"},
    }

    def answer(dataset_config: dict[str, Any]) -> dict[str, Any]:
        return TOLD if "resize" in dataset_config else LARGE

    fake.answers["list_datasets"] = [{"name": name, "is_uploaded": True} for name in own]
    fake.answers["get_dataset"] = lambda name: {"dataset_config": own[name]}
    fake.answers["inspect_dataset"] = answer
    out = tmp_path / "job.yaml"
    done = tandem("init", path, "--out", str(out))
    assert done.exit_code == 0, done.stderr
    assert load_job_file(out).dataset_config.get("resize") == chosen
    assert ("64 × 64" in done.stderr) == (chosen is not None)


def test_gaps_are_filled_and_said_and_a_choice_of_yours_stays(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    def answer(dataset_config: dict[str, Any]) -> dict[str, Any]:
        for field in ("missing_numbers", "missing_categories"):
            if dataset_config.get(field, "refuse") == "refuse":
                raise InvalidRequest(f"a.csv has no value: set dataset_config.{field} to …")
        return TOLD

    fake.answers["inspect_dataset"] = answer
    done = tandem("dataset", "show", "a.csv", "--json")
    assert json.loads(done.stdout) == TOLD
    assert "median" in done.stderr and "category" in done.stderr
    assert asked(fake)[-1]["missing_numbers"] == "median"
    assert asked(fake)[-1]["missing_categories"] == "own_category"
    refused = tandem("dataset", "show", "a.csv", "--set", "missing_numbers=refuse")
    assert refused.exit_code == 1 and "missing_numbers" in refused.stderr


def test_a_refusal_is_one_sentence(tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path) -> None:
    fake.errors["inspect_dataset"] = InvalidRequest("pets has only one class")
    for command in (("dataset", "show"), ("init", "--out", str(tmp_path / "job.yaml"))):
        done = tandem(*command, "pets")
        assert done.exit_code == 1 and done.stderr.strip() == "tandem: pets has only one class"
    assert not (tmp_path / "job.yaml").exists()
