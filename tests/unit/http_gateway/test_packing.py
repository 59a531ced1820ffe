"""Files of a user's are sent as they are read, in a form that every tar program knows."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from actors.core.errors import InvalidRequest
from http_gateway.packing import packed

LONG = "n" * 150


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    content = os.urandom(2**20 + 7)
    write(tmp_path, {"a.zip": content})
    sent: list[int] = []
    body = packed(tmp_path / "a.zip", sent.append)
    assert len(body) == len(content)
    assert b"".join(body) == content
    assert sum(sent) == len(content)


def test_a_folder_is_a_tar_of_its_files(tmp_path: Path) -> None:
    files = {
        "cat/1.png": b"x" * 512,
        "cat/Ärger 猫.png": b"y" * 513,
        f"{LONG}/{LONG}": b"",
        "a": b"z",
    }
    write(tmp_path, {**files, ".hidden/a": b"x", "__MACOSX/a": b"x", "cat/.DS_Store": b"x"})
    (tmp_path / "link").symlink_to(tmp_path / "a")
    sent: list[int] = []
    body = packed(tmp_path, sent.append)
    content = b"".join(body)
    assert len(body) == len(content) == sum(sent)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    assert found == {**files, "link": b"z"}


def test_nothing_is_read_before_it_is_sent(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"abc"})
    body = packed(tmp_path)
    (tmp_path / "a").write_bytes(b"xyz")
    assert b"xyz" in b"".join(body)


def test_a_file_that_becomes_shorter_meanwhile_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"abc"})
    body = packed(tmp_path)
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match="2 bytes shorter"):
        b"".join(body)


def test_what_can_not_be_sent_is_refused_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"empty": b"", "linked/real/a": b"x", "piped/b": b"x"})
    (tmp_path / "nothing").mkdir()
    (tmp_path / "linked/link").symlink_to(tmp_path / "linked/real")
    os.mkfifo(tmp_path / "piped/pipe")
    for name, place, words in [
        ("empty", "empty", "is empty"),
        ("nothing", "nothing", "no files"),
        ("missing", "missing", "can't be read"),
        ("linked", "linked/link", "link to a folder"),
        ("piped", "piped/pipe", "no regular file"),
    ]:
        with pytest.raises(InvalidRequest, match=words) as refused:
            packed(tmp_path / name)
        assert str(tmp_path / place) in refused.value.message
