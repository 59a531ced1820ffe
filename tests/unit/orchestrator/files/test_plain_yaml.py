"""YAML files: their meaning in JSON, and errors with their line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.files.plain_yaml import MAX_BYTES, PlainYaml, read_yaml


def read(folder: Path, data: str | bytes) -> PlainYaml:
    path = folder / "file.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_yaml(path, "The file")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("1_000", 1000),
        ("1e-3", 0.001),
        ("1.e-3", 0.001),
        (".5", 0.5),
        ("-0.5", -0.5),
        ("true", True),
        ("yes", True),
        ("null", None),
        ("", None),
        ("~", None),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"),
        ("'1'", "1"),
        ("0,1", "0,1"),
    ],
)
def test_a_value_is_what_it_looks_like(tmp_path: Path, written: str, value: Any) -> None:
    content = read(tmp_path, f"a: {written}\n").content
    assert content == {"a": value} and type(content["a"]) is type(value)


@pytest.mark.parametrize("key", ["1", "yes", "on", "0.5", "~"])
def test_a_key_is_a_text_as_it_is_written(tmp_path: Path, key: str) -> None:
    assert read(tmp_path, f"{key}: 2\n").content == {key: 2}


@pytest.mark.parametrize(
    "data",
    [
        "a: ü\nb: [1]\n".encode("utf-8-sig"),
        "a: ü\r\nb: [1]\r\n".encode(),
        "a: ü\nb: [1]\n".encode("utf-16"),
        b'{"a": "\\u00fc", "b": [1]}',
        b"--- # comment\na: \xc3\xbc\nb:\n- 1",
    ],
)
def test_marks_line_ends_and_json_are_taken(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data).content == {"a": "ü", "b": [1]}


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"---\n"])
def test_an_empty_file_holds_nothing(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data).content is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("a:\n\tb: 1", "line 2: a tab"),
        ("a: 1\nb 2\nc: 3", "line 2: a colon is missing"),
        ("a:\n- 1\n-2\nb: 1", "line 3: a colon is missing: write `key: value`, or `- value`"),
        ("a: 1\n b: 2", "line 2: a colon stands where none is expected"),
        ("a: 1\nb: [1, 2\nc: 3", "line 2: a bracket"),
        ("a: {b: 1 c: 2}", "line 1: a bracket that opens there is not closed, or a comma"),
        ("a: 1\nb: 'c\nd: 2", "line 2: a quote"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("a: *b", "line 1: a value that begins with *"),
        ("a: !!python/name:os.system x", "line 1: a value that begins with !"),
        ("a: @b", "line 1: a text begins with a sign"),
        ("- a\nb: 1", "line 2: the indentation"),
        ("a: 1\n\nb: 2\na: 3", "line 4: the key of line 1 "),
        ("a:\n  b: 1\n  b: 1", "line 3: the key of line 2 "),
        ("? [a]\n: 1", "line 1: a key"),
        ("a: {b: 0,1}", "line 1: b is 0,1, which isn't a number: write 0.1"),
        (b"\x00\x01", "it isn't text in UTF-8"),
        (b"a: \xfc", "it isn't text in UTF-8"),
        (b"PK\x03\x04", "it isn't text in UTF-8"),
        ("[" * 5000, "its brackets are nested too deeply"),
        (b"a: " + b"x" * MAX_BYTES, "it has more than 1 MiB: is it the right file?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(tmp_path, data)
    assert caught.value.message.startswith(f"The file {tmp_path}/file.yaml can't be read: {said}")
    assert "\n" not in caught.value.message


def test_parts_that_are_merged_have_the_lines_they_stand_in(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &a\n  x: 1\nb:\n  <<: *a\n  y:\n  - 2\n  - {z: 3}\n")
    assert file.content["b"] == {"x": 1, "y": [2, {"z": 3}]}
    assert [file.line(path) for path in (["b"], ["b", "x"], ["b", "y", 1, "z"])] == [3, 2, 7]
    assert file.line(["b", "gone"]) is None and file.line([]) is None


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.yaml", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(InvalidRequest, match="can't be read: "):
            read_yaml(path, "The file")


def test_what_has_no_end_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidRequest, match="more than 1 MiB"):
        read_yaml(Path(os.path.realpath("/dev/zero")), "The file")
