from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import NotFound
from tests.support.command_line import Tandem
from tests.support.fake_job_client import WEIGHTS
from tests.support.scripted_job_client import ScriptedJobClient


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(fake: ScriptedJobClient) -> list[tuple[object, ...]]:
    return [given for name, given in fake.calls if name == "get_model"]


@pytest.mark.parametrize(
    ("args", "file", "model_format"),
    [
        ((), "job-1.zip", "bundle"),
        (("--format", "safetensors"), "job-1.safetensors", "safetensors"),
        (("-o", "a.PT2"), "a.PT2", "torch_export"),
        (("--out", "a.onnx"), "a.onnx", "onnx"),
        (("-o", "model.bin"), "model.bin", "bundle"),
        (("-o", "model.bin", "--format", "onnx"), "model.bin", "onnx"),
    ],
    ids=str,
)
def test_the_file_has_the_format_asked_for_or_that_of_its_ending(
    tandem: Tandem, fake: ScriptedJobClient, args: tuple[str, ...], file: str, model_format: str
) -> None:
    done = tandem("export", "1", *args)
    assert (done.exit_code, done.stderr) == (0, "")
    assert Path(file).read_bytes() == WEIGHTS and file in done.stdout
    assert asked(fake) == [("1", model_format, None)]


def test_a_checkpoint_is_exported_by_its_id(tandem: Tandem, fake: ScriptedJobClient) -> None:
    assert tandem("export", "1", "--checkpoint", "step-46").exit_code == 0
    assert asked(fake) == [("1", "bundle", "step-46")]


def test_a_file_that_can_t_be_written_is_one_sentence(tandem: Tandem, folder: Path) -> None:
    done = tandem("export", "1", "-o", "no/such/folder/model.zip")
    assert done.exit_code == 1 and done.stderr.startswith("tandem: no/such/folder/model.zip can't")
    assert list(folder.iterdir()) == []


def test_what_the_gateway_refuses_leaves_no_file(
    tandem: Tandem, fake: ScriptedJobClient, folder: Path
) -> None:
    fake.errors["get_model"] = NotFound("Job 1 has no checkpoint 'x'; it has step-46")
    done = tandem("export", "1", "--checkpoint", "x")
    assert done.exit_code == 1 and "it has step-46" in done.stderr
    assert list(folder.iterdir()) == []
