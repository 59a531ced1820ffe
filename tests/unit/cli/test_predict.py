"""``tandem predict``: the files as the API is asked, and the answer as a person reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.core.asking.asked_images import AskedImages
from actors.core.asking.prompts import Prompts
from actors.core.input_form import Column, InputForm
from http_gateway.cli.main import app
from tests.support.command_line import Tandem
from tests.support.own_files import encoded, picture
from tests.support.scripted_job_client import ScriptedJobClient

IMAGE = InputForm((3, 6, 8), is_pixels=True)
TABLE = InputForm((2,), columns=(Column("a"), Column("b")))
TEXT = InputForm((4,), num_tokens=256, is_bytes=True)


def question(fake: ScriptedJobClient) -> Any:
    (asked,) = [given[1] for name, given in fake.calls if name == "predict"]
    return asked


def test_images_are_sent_as_files_and_told_by_their_classes_names(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    fake.form = IMAGE
    fake.answers["predict"] = {
        "classes": [1, 0],
        "probabilities": [[0.25, 0.75], [0.9, 0.1]],
        "class_names": ["cat", "[dog]"],
    }
    files = [tmp_path / "a.png", tmp_path / "b.dat"]
    for seed, file in enumerate(files):
        file.write_bytes(encoded(picture(seed)))
    done = tandem("predict", "1", *files)
    assert done.exit_code == 0, done.stderr
    asked = question(fake)
    assert isinstance(asked, AskedImages)
    assert [own.content for own in asked.images] == [file.read_bytes() for file in files]
    for shown in ("a.png", "[dog]", "0.750", "b.dat", "cat", "0.900"):
        assert shown in done.stdout


def test_a_table_is_sent_as_it_is(tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path) -> None:
    fake.form = TABLE
    fake.answers["predict"] = {"values": [[1.5], [2.5]]}
    contents = {"a.csv": b"\xff;1\n", "b.TSV": b"a\tb\n", "c.jsonl": b"{", "d.parquet": b"PAR1"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    done = tandem("predict", "1", *(tmp_path / name for name in contents))
    assert done.exit_code == 0, done.stderr
    questions = [given[1] for name, given in fake.calls if name == "predict"]
    assert [(own.name, own.content) for own in questions] == list(contents.items())
    for name in contents:
        assert f"{name}, row 1" in done.stdout and f"{name}, row 2" in done.stdout


def test_how_a_table_is_written_may_be_said(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    fake.form = TABLE
    (tmp_path / "a.csv").write_text("1;2\n")
    given = ["--set", "delimiter=;", "--set", "header=false", "--set", "encoding=cp1252"]
    done = tandem("predict", "1", tmp_path / "a.csv", *given, "--json")
    assert done.exit_code == 0, done.stderr
    assert question(fake).options == {"delimiter": ";", "header": "false", "encoding": "cp1252"}
    assert json.loads(done.stdout) == {"classes": [1], "probabilities": [[0.25, 0.75]]}


def test_answers_to_several_tables_are_one(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    fake.form = TABLE
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a\n1\n")
    done = tandem("predict", "1", tmp_path / "a.csv", tmp_path / "b.csv", "--json")
    told = {"classes": [1, 1], "probabilities": [[0.25, 0.75]] * 2}
    assert json.loads(done.stdout) == told


@pytest.mark.parametrize(
    ("content", "form"),
    [(b'{"a": 1}\n', TABLE), (b"a\n1\n", TABLE), (encoded(picture(1)), IMAGE)],
    ids=["jsonl", "csv", "png"],
)
def test_stdin_is_taken_for_what_it_begins_like(
    fake: ScriptedJobClient, tandem: Tandem, content: bytes, form: InputForm
) -> None:
    fake.form = form
    done = CliRunner().invoke(app, ["predict", "1", "-", "--json"], input=content)
    assert done.exit_code == 0, done.stderr
    asked = question(fake)
    if form is IMAGE:
        assert asked.images[0].content == content
    else:
        assert asked.content == content and asked.name in ("stdin.csv", "stdin.jsonl")


def test_a_prompt_is_followed_by_its_text(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.form = TEXT
    fake.answers["predict"] = {"texts": [" [be]\n", "y"]}
    given = ["--text", "To", "--text", "m", "--max-tokens", 5, "--temperature", 0.5, "--seed", 2]
    done = tandem("predict", "1", *given, "--top-k", 3)
    assert done.exit_code == 0, done.stderr
    assert question(fake) == Prompts(("To", "m"), 5, 0.5, 3, 2)
    assert "To [be]\n" in done.stdout and "my\n" in done.stdout


def test_json_is_what_the_api_answers(
    tandem: Tandem, fake: ScriptedJobClient, tmp_path: Path
) -> None:
    fake.form = TABLE
    (tmp_path / "a.jsonl").write_text('{"a": 1}')
    done = tandem("predict", "1", tmp_path / "a.jsonl", "--json")
    assert json.loads(done.stdout) == {"classes": [1], "probabilities": [[0.25, 0.75]]}


@pytest.mark.parametrize(
    ("files", "arguments", "named"),
    [
        ({}, [], "--text"),
        ({"a.png": b"x"}, ["a.png", "--text", "x"], "exactly one"),
        ({"a.png": b"x"}, ["a.png", "--top-k", "3"], "--top-k"),
        ({"a.png": b"x", "b.csv": b"a\n1"}, ["a.png", "b.csv"], "one kind"),
        ({}, ["missing.png"], "missing.png"),
        ({"a.png": b"x"}, ["a.png", "--set", "delimiter=;"], "delimiter"),
        ({}, ["--text", "x", "--set", "delimiter=;"], "delimiter"),
        ({"a.csv": b"a"}, ["a.csv", "--set", "timeout_s=3"], "timeout_s"),
        ({"a.csv": b"a"}, ["a.csv", "--set", "delimiter"], "NAME=VALUE"),
    ],
    ids=str,
)
def test_what_can_not_be_asked_is_one_sentence(
    tandem: Tandem,
    fake: ScriptedJobClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes],
    arguments: list[str],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = tandem("predict", "1", *arguments)
    assert done.exit_code == 1 and done.stderr.startswith("tandem: ") and named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not [name for name, _ in fake.calls if name == "predict"]
