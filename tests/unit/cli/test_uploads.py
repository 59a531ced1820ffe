"""``tandem dataset add``, ``list`` and ``remove``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import Conflict, InvalidRequest
from tests.support.command_line import Tandem
from tests.support.scripted_job_client import ScriptedJobClient
from tests.unit.cli.test_datasets import TOLD

SHOWN: dict[str, Any] = {
    "name": "pets",
    "dataset_config": {"format": "image_folder", "path": "."},
    "num_files": 10,
    "num_bytes": 12_345_678,
    "jobs": ["3", "5"],
    "understood": TOLD,
}
LISTED: dict[str, Any] = {
    "name": "pets",
    "is_uploaded": True,
    "format": "image_folder",
    "num_files": 10,
    "num_bytes": 12_345_678,
    "num_train": 1234,
    "num_val": 2,
    "jobs": ["3", "5"],
}
KNOWN = dict.fromkeys(LISTED) | {"name": "digits", "is_uploaded": False, "jobs": []}


@pytest.fixture(autouse=True)
def answers(fake: ScriptedJobClient) -> None:
    fake.answers["upload_dataset"] = SHOWN
    fake.answers["inspect_dataset"] = TOLD


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for kind in ("cat", "dog"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        (tmp_path / "pets" / kind / "1.png").write_bytes(b"x")
    return tmp_path / "pets"


def uploads(fake: ScriptedJobClient) -> list[tuple[Any, ...]]:
    return [given for name, given in fake.calls if name == "upload_dataset"]


def test_a_folder_is_uploaded_and_shown(
    tandem: Tandem, fake: ScriptedJobClient, pets: Path
) -> None:
    done = tandem("dataset", "add", "pets", pets)
    assert done.exit_code == 0, done.stderr
    assert "8 training and 2 validation" in done.stdout and "{name: pets}" in done.stdout
    assert uploads(fake) == [("pets", None, [], False)]


@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("a.csv", ("--target", "kind"), ("csv", ['target="kind"'])),
        ("a.tsv", (), ("csv", ['delimiter="\\t"'])),
        ("a.zip", (), (None, [])),
        ("a.tar.gz", ("--set", "resize=[8,9]"), (None, ["resize=[8, 9]"])),
        ("a.dat", ("--format", "text"), ("text", [])),
    ],
    ids=str,
)
def test_the_name_of_a_file_says_its_format(
    tandem: Tandem,
    fake: ScriptedJobClient,
    tmp_path: Path,
    file: str,
    options: tuple[str, ...],
    said: tuple[Any, ...],
) -> None:
    (tmp_path / file).write_bytes(b"x")
    done = tandem("dataset", "add", "pets", tmp_path / file, "--replace", "--json", *options)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["understood"] == TOLD
    assert uploads(fake) == [("pets", *said, True)]


def test_what_the_data_needs_is_chosen_and_said(
    tandem: Tandem, fake: ScriptedJobClient, pets: Path
) -> None:
    def answer(name: str, format: str | None, set: list[str], replace: bool) -> dict[str, Any]:
        if "resize=[64, 64]" not in set:
            raise InvalidRequest("dataset_config.resize is missing: images differ")
        return SHOWN

    fake.answers["upload_dataset"] = answer
    done = tandem("dataset", "add", "pets", pets)
    assert done.exit_code == 0 and "64 × 64" in done.stderr
    assert [given[2] for given in uploads(fake)] == [[], ["resize=[64, 64]"]]


def test_what_would_be_refused_is_not_sent(
    tandem: Tandem, fake: ScriptedJobClient, pets: Path, tmp_path: Path
) -> None:
    fake.answers["list_datasets"] = [LISTED]
    (tmp_path / "a.xyz").write_bytes(b"x")
    for arguments, words in [
        (("pets", pets), "pets already"),
        (("dogs", tmp_path / "missing"), "missing"),
        (("dogs", tmp_path / "a.xyz"), "--format"),
        (("dogs", pets, "--set", "resize"), "--set"),
    ]:
        done = tandem("dataset", "add", *arguments)
        assert done.exit_code == 1 and words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert uploads(fake) == []


def test_all_are_listed(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.answers["list_datasets"] = [KNOWN, LISTED]
    shown = tandem("dataset", "list").stdout
    for words in ("digits", "pets", "image_folder", "1,234", "12.3 MB", "3, 5"):
        assert words in shown
    assert json.loads(tandem("dataset", "list", "--json").stdout) == [KNOWN, LISTED]


def test_one_is_removed_or_the_reason_told(tandem: Tandem, fake: ScriptedJobClient) -> None:
    assert tandem("dataset", "remove", "pets").exit_code == 0
    assert tandem("dataset", "remove", "pets", "--force").exit_code == 0
    assert [c for c in fake.calls if c[0] == "delete_dataset"] == [
        ("delete_dataset", ("pets", False)),
        ("delete_dataset", ("pets", True)),
    ]
    fake.errors["delete_dataset"] = Conflict("job 3 may still train")
    done = tandem("dataset", "remove", "pets")
    assert done.exit_code == 1 and done.stderr.strip() == "tandem: job 3 may still train"


def test_one_is_shown_by_its_name(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.answers["list_datasets"] = [KNOWN, LISTED]
    for words, config in [
        (("pets",), {"name": "pets"}),
        (("pets", "--set", "channels=1"), {"name": "pets", "channels": 1}),
        (("pets", "--format", "csv"), {"format": "csv", "path": "pets"}),
        (("digits",), {"name": "digits"}),
    ]:
        fake.calls.clear()
        assert tandem("dataset", "show", *words).exit_code == 0
        assert [given for name, given in fake.calls if name == "inspect_dataset"] == [(config,)]
