"""The folder of uploads: whole data sets or none, whoever is killed or comes in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.core.errors import Conflict
from actors.core.folders import Folders
from orchestrator.errors import DatasetNotFound, DatasetUnavailable, StorageUnavailable
from orchestrator.uploads.upload_store import UploadedDataset, UploadStore

ABOUT = UploadedDataset({"format": "csv", "path": "a.csv"}, 1, 3, {"num_train": 8})
MAKES_ONE = """
import sys, time
from pathlib import Path
from orchestrator.uploads.upload_store import UploadStore
store = UploadStore(Path(sys.argv[1]))
with store.new_version("pets") as version:
    (store.files_of(version) / "a.csv").write_text("half")
    print(version, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads")


def kept(store: UploadStore, name: str, content: str, replace: bool = False) -> str:
    with store.new_version(name) as version:
        (store.files_of(version) / "a.csv").write_text(content)
        store.keep(name, version, ABOUT, replace)
    return version


def read(store: UploadStore, name: str) -> str:
    return (store.folder() / name / "files/a.csv").read_text()


def versions(store: UploadStore) -> list[str]:
    return sorted(os.listdir(store.folder() / ".versions"))


def test_what_is_kept_is_found_again(store: UploadStore) -> None:
    version = kept(store, "pets", "one")
    again = UploadStore(store.folder())
    assert again.names() == ["pets"]
    assert again.find("pets") == ABOUT
    assert again.configs() == {"pets": ABOUT.config}
    assert read(again, "pets") == "one" and versions(again) == [version]


def test_an_upload_that_comes_to_nothing_leaves_nothing(store: UploadStore) -> None:
    with pytest.raises(RuntimeError), store.new_version("pets") as version:
        (store.files_of(version) / "a.csv").write_text("half")
        raise RuntimeError
    assert store.names() == [] and versions(store) == []


def test_a_name_is_taken_once_but_may_be_replaced(store: UploadStore) -> None:
    first = kept(store, "pets", "one")
    store.check_name("dogs", replace=False)
    store.check_name("pets", replace=True)
    with pytest.raises(Conflict, match="pets already"):
        store.check_name("pets", replace=False)
    with pytest.raises(Conflict, match="pets already"):
        kept(store, "pets", "two")
    assert read(store, "pets") == "one" and versions(store) == [first]
    second = kept(store, "pets", "two", replace=True)
    assert read(store, "pets") == "two" and versions(store) == [second]


def test_of_two_that_come_at_once_one_is_refused_and_leaves_nothing(store: UploadStore) -> None:
    with store.new_version("pets") as one, store.new_version("pets") as other:
        (store.files_of(one) / "a.csv").write_text("one")
        store.keep("pets", one, ABOUT, replace=False)
        with pytest.raises(Conflict):
            store.keep("pets", other, ABOUT, replace=False)
    assert read(store, "pets") == "one" and versions(store) == [one]


def test_a_sweep_leaves_what_is_being_made(store: UploadStore) -> None:
    with store.new_version("pets") as version:
        UploadStore(store.folder()).sweep()
        assert versions(store) == [version]


def test_what_a_kill_has_cut_off_goes_with_the_next_sweep(store: UploadStore) -> None:
    command = [sys.executable, "-c", MAKES_ONE, str(store.folder())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        version = maker.stdout.readline().decode().strip()
        store.sweep()
        assert versions(store) == [version]
        maker.send_signal(signal.SIGKILL)
        maker.wait(30)
    store.sweep()
    assert versions(store) == []


def test_who_takes_a_version_in_keeps_it_though_its_maker_ends(store: UploadStore) -> None:
    with store.new_version("pets") as version:
        taking = store.working_on(version)
        taking.__enter__()
    assert versions(store) == [version]
    store.keep("pets", version, ABOUT, replace=False)
    taking.__exit__(None, None, None)
    assert store.names() == ["pets"]


def test_one_that_is_gone_can_not_be_worked_on(store: UploadStore) -> None:
    with store.new_version("pets") as version:
        pass
    with pytest.raises(StorageUnavailable), store.working_on(version):
        raise AssertionError("it is there")


def test_deleting_leaves_nothing(store: UploadStore) -> None:
    kept(store, "pets", "one")
    store.delete("pets")
    assert store.names() == [] and versions(store) == []
    for ask in (store.delete, store.check_there):
        with pytest.raises(DatasetNotFound, match="pets"):
            ask("pets")


def test_what_is_known_of_one_may_be_damaged(store: UploadStore) -> None:
    kept(store, "pets", "one")
    (store.folder() / "pets/about.json").write_text("{")
    assert store.names() == ["pets"]
    assert store.find("pets") is None and store.configs() == {}


def test_a_job_reads_the_files_of_its_own_upload_alone(store: UploadStore, tmp_path: Path) -> None:
    version = kept(store, "pets", "one")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_text("other")
    folders = Folders(tmp_path / "data", (tmp_path / "data",), store.folder())
    own = folders.of_upload("pets")
    assert own.find("path", "a.csv") == store.files_of(version) / "a.csv"
    outside = ("../about.json", str(tmp_path / "data/a.csv"), "/etc/passwd")
    for path in outside:
        with pytest.raises(ValueError, match="in none of the folders"):
            own.find("path", path)
    with pytest.raises(ValueError, match="in none of the folders"):
        folders.find("path", str(store.folder() / "pets/files/a.csv"))
    for missing in (folders, Folders(tmp_path, ())):
        with pytest.raises(DatasetUnavailable, match="dogs is not here"):
            missing.of_upload("dogs")
