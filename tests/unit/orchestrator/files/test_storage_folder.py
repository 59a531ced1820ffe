"""Errors about unusable folders name the setting and the remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.doctor.folders import check_folder
from orchestrator.errors import InvalidRequest, StorageUnavailable
from orchestrator.files.storage_folder import storage_errors, storage_in_use
from orchestrator.settings import load_settings

# A user that the system does not know, who may do what this user's folders allow, and no more.
UNKNOWN_USER = ("unshare", "--user", "--map-user=54321")
TANDEM = (sys.executable, "-m", "http_gateway.cli")
CLIENT = ("resume", "1", "--url", "http://127.0.0.1:9")


def _can_be_unknown() -> bool:
    try:
        return subprocess.run([*UNKNOWN_USER, "true"], check=False).returncode == 0
    except OSError:
        return False


needs_unknown_user = pytest.mark.skipif(not _can_be_unknown(), reason="no user namespaces here")


def run_as_unknown(arguments: Sequence[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Runs as a user without a home folder."""
    known = {k: v for k, v in os.environ.items() if k != "HOME" and not k.startswith("TANDEM_")}
    return subprocess.run(
        [*UNKNOWN_USER, *TANDEM, *arguments],
        env={**known, "PYTHONPATH": os.getcwd(), **env},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_unknown_user
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("head",), ("join", "h"), ("stop",)])
def test_without_a_home_a_command_that_keeps_files_names_the_setting(command: tuple[str]) -> None:
    done = run_as_unknown(command)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    for words in ("storage_path", "HOME", "--storage-path", "TANDEM_STORAGE_PATH"):
        assert words in done.stderr


@needs_unknown_user
def test_without_a_home_a_command_that_keeps_none_goes_on() -> None:
    assert "No gateway answers" in run_as_unknown(CLIENT).stderr


def test_without_a_home_a_folder_that_is_given_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_home(monkeypatch)
    with storage_in_use(load_settings(storage_path=tmp_path / "new")):
        assert (tmp_path / "new").is_dir()


def test_without_a_home_a_data_folder_in_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_home(monkeypatch)
    settings = load_settings(storage_path=tmp_path, data_dir=Path("~/data"))
    with (
        pytest.raises(InvalidRequest, match=r"data_dir.*TANDEM_DATA_DIR"),
        storage_in_use(settings),
    ):
        pass
    assert check_folder("data_dir", settings.data_dir).error


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        settings = load_settings(storage_path=path)
        with pytest.raises(StorageUnavailable, match=f"{path}.*file"), storage_in_use(settings):
            pass


@needs_unknown_user
def test_a_folder_of_another_user_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o000)
    for command in (("serve", "--port", "0"), ("head",), ("join", "h"), ("stop",)):
        done = run_as_unknown(command, TANDEM_STORAGE_PATH=str(folder))
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert str(tmp_path) in done.stderr and "--storage-path" in done.stderr


def test_a_file_of_another_user_in_it_is_named(tmp_path: Path) -> None:
    error = PermissionError(13, "Permission denied", str(tmp_path / "ray_token"))
    with pytest.raises(StorageUnavailable, match=r"ray_token.*chown"), storage_errors(tmp_path):
        raise error


def test_an_error_about_something_else_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path / "storage"):
        (tmp_path / "elsewhere").read_text()


def _without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", fail)
