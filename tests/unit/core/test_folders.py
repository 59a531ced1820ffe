from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.core.errors import InvalidRequest
from actors.core.folders import Folders


@pytest.fixture
def allowed(tmp_path: Path) -> Folders:
    for name in ("a", "b", "secret"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "text.txt").write_text(name)
    return Folders(tmp_path, (tmp_path / "a", tmp_path / "b"))


def test_a_file_is_found_in_the_first_allowed_folder_that_has_it(allowed: Folders) -> None:
    first, second = allowed.allowed
    assert allowed.find("path", "deep/text.txt") == first / "deep" / "text.txt"
    (first / "deep" / "text.txt").unlink()
    assert allowed.find("path", "deep/text.txt") == second / "deep" / "text.txt"
    assert allowed.find("path", str(second / "deep/text.txt")) == second / "deep" / "text.txt"


def test_what_lies_elsewhere_is_refused_whether_it_is_there_or_not(
    allowed: Folders, tmp_path: Path
) -> None:
    secret = tmp_path / "secret" / "deep" / "text.txt"
    link = tmp_path / "a" / "link"
    link.symlink_to(secret)
    texts = set()
    for path in (
        str(secret),
        str(secret) + "no",
        "../secret/deep/text.txt",
        str(link),
        "/etc/passwd",
    ):
        with pytest.raises(InvalidRequest, match=r"path is .*TANDEM_DATA_ROOTS") as caught:
            allowed.find("dataset_config.path", path)
        texts.add(caught.value.message.partition(", which")[2])
    assert len(texts) == 1


def test_what_is_no_file_that_can_be_read_is_refused(allowed: Folders, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a" / "pipe")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a" / "loop")
    for path in ("deep", "pipe", "loop", "gone", "x" * 300, "", "a\0b"):
        with pytest.raises(InvalidRequest, match="path is "):
            allowed.find("path", path)


def test_no_folder_is_allowed_where_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("text")
    with pytest.raises(InvalidRequest, match="none is named"):
        Folders(tmp_path, ()).find("path", str(tmp_path / "text.txt"))
