from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.own_data import write_table
from http_gateway.cli.jobs.job_file import load_job_file
from orchestrator.settings import Settings, load_settings
from tests.support.own_files import picture
from tests.support.sources import job_spec

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


SETTINGS = sorted(CONFIGS.glob("*.*"))
JOBS = sorted((CONFIGS / "jobs").iterdir())


def test_there_are_settings_and_jobs_and_nothing_else() -> None:
    found = {path for path in CONFIGS.rglob("*") if path.is_file()}
    assert found == {*SETTINGS, *JOBS} and JOBS


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.name)
def test_every_file_of_settings_loads(path: Path) -> None:
    assert load_settings(path)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_every_job_is_one_that_can_be_made(path: Path, tmp_path: Path) -> None:
    job = load_job_file(path)
    if "format" in job.dataset_config:
        _write(job.dataset_config["format"], tmp_path / job.dataset_config["path"])
    assert job_spec(job.model_config, job.dataset_config, tmp_path)
    assert len(job.devices) == Settings.model_fields["local_devices"].default


def _write(kind: str, path: Path) -> None:
    """What a job's file names."""
    path.parent.mkdir(exist_ok=True)
    if kind == "image_folder":
        for part in ("train", "val"):
            for digit in range(10):
                (path / part / str(digit)).mkdir(parents=True)
                for i in range(7):
                    picture(i, "L", (28, 28)).save(path / part / str(digit) / f"{i}.png")
    elif kind == "csv":
        pytest.importorskip("pyarrow")
        write_table(path)
    else:
        path.write_text("To be, or not to be, that is the question. " * 50)


def test_the_commented_file_lists_every_setting_with_its_default() -> None:
    text = (CONFIGS / "tandem.yaml").read_text()
    unset = {
        "ray_address",
        "data_dir",
        "data_roots",
        "data_memory_bytes",
        "api_token_file",
        "webhook_secret_file",
    }  # shown in comments: no constants
    assert all(f"# {name}: " in text for name in unset)
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    listed = yaml.safe_load(text)
    listed["storage_path"] = Path(listed["storage_path"])
    secret = {"api_token"}  # no file may hold it
    assert listed == {k: value for k, value in defaults.items() if k not in unset | secret}
