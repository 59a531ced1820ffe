"""The folder of Ray's sockets and logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.files.temp_folder import (
    MAX_FOLDER_BYTES,
    Candidate,
    choose,
    folder_for_cluster,
    folder_for_node,
)

LONG = "/tmp/" + "x" * 60


def refuse_nothing(folder: Path) -> None:
    return None


def test_the_users_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = folder_for_node({"TMPDIR": "t"})
    assert folder.path == Path("t/ray") and folder.note is None
    assert folder_for_node({"TMPDIR": "t", "RAY_TMPDIR": "r"}).path == Path("r/ray")


def test_a_long_one_is_not_and_that_is_told_with_the_limit() -> None:
    folder = folder_for_node({"TMPDIR": LONG})
    assert len(str(folder.path)) <= MAX_FOLDER_BYTES
    assert folder.note is not None
    for words in (LONG, "TMPDIR", f"at most {MAX_FOLDER_BYTES}", str(folder.path)):
        assert words in folder.note


def test_the_limit_is_that_of_bytes() -> None:
    fits, too_long = Path("/" + "x" * (MAX_FOLDER_BYTES - 1)), Path("/" + "é" * MAX_FOLDER_BYTES)
    assert choose([Candidate(too_long), Candidate(fits)], refuse_nothing).path == fits


def test_one_that_can_not_be_written_is_passed_over() -> None:
    candidates = [Candidate(Path("/a"), "TMPDIR"), Candidate(Path("/b"))]
    folder = choose(candidates, lambda path: "Read-only file system" if path.name == "a" else None)
    assert folder.path == Path("/b")
    assert "/a (of TMPDIR) can't be written (Read-only file system)" in (folder.note or "")


def test_without_any_each_is_told_with_its_reason() -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose([Candidate(Path(LONG), "TMPDIR"), Candidate(Path("/a"))], lambda path: "full")
    for words in (LONG, "too long", "/a can't be written (full)", "Set TMPDIR"):
        assert words in caught.value.message


def test_an_embedded_cluster_has_a_folder_of_its_own_that_is_still_to_be_made() -> None:
    folder = folder_for_cluster({"TMPDIR": LONG}, "tandem-0").path
    assert folder.name == "tandem-0" and folder.parent.is_dir() and not folder.exists()
    assert os.access(folder.parent, os.W_OK)
