"""What an upload is, by its content alone, or by what the user says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.rows.data_formats import FORMAT_OF_ENDING, OWN_FORMATS
from actors.core.sources.registry import SOURCES
from orchestrator.errors import InvalidRequest
from orchestrator.uploads.arrival import ArrivedFiles, unpack
from orchestrator.uploads.entries import UnpackLimits
from tests.support.made_archives import gzipped, made_tar, made_zip

CSV = b"size,kind\n1,a\n2,b\n"
DATASET = {"1.jpg": b"image", "1.cls": b"cat"}


def arrays() -> bytes:
    body = io.BytesIO()
    np.savez(body, x=np.zeros((2, 3)), y=np.zeros(2))
    return body.getvalue()


def array() -> bytes:
    body = io.BytesIO()
    np.save(body, np.zeros(3))
    return body.getvalue()


def arrived(folder: Path, body: bytes, **given: Any) -> ArrivedFiles:
    limits = UnpackLimits(10**8)
    return unpack(io.BytesIO(body), "pets", folder, given, limits, lambda: None)


def zipped(*names: str) -> bytes:
    return made_zip(dict.fromkeys(names, b"x")).getvalue()


def test_the_formats_are_those_of_the_sources() -> None:
    assert set(OWN_FORMATS) == {kind.name for kind in SOURCES.values() if kind.is_format}
    assert set(FORMAT_OF_ENDING.values()) < set(OWN_FORMATS)


@pytest.mark.parametrize(
    ("body", "given", "config"),
    [
        (zipped("cat/1.png", "dog/1.JPG"), {}, {"format": "image_folder", "path": "."}),
        (
            zipped("photos/cat/1.png", "photos/dog/1.png", "photos/README.txt"),
            {},
            {"format": "image_folder", "path": "photos"},
        ),
        (
            zipped("a/b/cat/1.png", "a/b/dog/1.png", "__MACOSX/a/._b"),
            {},
            {"format": "image_folder", "path": "a/b"},
        ),
        (
            zipped("Train/cat/1.png", "Train/dog/1.png"),
            {},
            {"format": "image_folder", "path": "."},
        ),
        (
            zipped("test/cat/1.png", "test/dog/1.png", "Thumbs.db"),
            {},
            {"format": "image_folder", "path": "test"},
        ),
        (
            zipped("train/cat/1.png", "train/dog/1.png"),
            {},
            {"format": "image_folder", "path": "."},
        ),
        (zipped("t/patients.csv", "t/notes.md"), {}, {"format": "csv", "path": "t/patients.csv"}),
        (zipped("t.tsv"), {}, {"format": "csv", "path": "t.tsv", "delimiter": "\t"}),
        (
            zipped("train.csv", "test.csv"),
            {"format": "csv", "path": "train.csv", "val_path": "test.csv"},
            {"format": "csv", "path": "train.csv", "val_path": "test.csv"},
        ),
        (zipped("1.txt", "b/2.md"), {}, {"format": "text", "path": "."}),
        (
            zipped("x.npy", "y.npy"),
            {"format": "npy", "path": "x.npy", "target": "y.npy"},
            {"format": "npy", "path": "x.npy", "target": "y.npy"},
        ),
        (zipped("a.tar", "b.tar"), {}, {"format": "webdataset", "path": "."}),
        (zipped("cat/1.png"), {"format": "image_folder"}, {"format": "image_folder", "path": "."}),
        (
            gzipped(made_tar({"cat/1.png": b"x", "dog/1.png": b"x"})).getvalue(),
            {},
            {"format": "image_folder", "path": "."},
        ),
        (made_tar(DATASET).getvalue(), {}, {"format": "webdataset", "path": "pets.tar"}),
        (arrays(), {}, {"format": "npz", "path": "pets.npz"}),
        (array(), {"target": "y"}, {"format": "npy", "path": "pets.npy", "target": "y"}),
        (b"PAR1 and so on", {}, {"format": "parquet", "path": "pets.parquet"}),
        (b'{"a": 1}\n', {}, {"format": "jsonl", "path": "pets.jsonl"}),
        (
            CSV,
            {"format": "csv", "target": "kind"},
            {"format": "csv", "path": "pets.csv", "target": "kind"},
        ),
        (CSV, {"format": "text"}, {"format": "text", "path": "pets.txt"}),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_the_format_follows_from_the_content(
    body: bytes, given: dict[str, Any], config: dict[str, Any], tmp_path: Path
) -> None:
    assert arrived(tmp_path, body, **given).config == config


def test_a_single_file_is_kept_as_it_is(tmp_path: Path) -> None:
    came = arrived(tmp_path, CSV, format="csv")
    assert (came.num_files, came.num_bytes) == (1, len(CSV))
    assert (tmp_path / "pets.csv").read_bytes() == CSV


def test_what_was_unpacked_is_counted(tmp_path: Path) -> None:
    came = arrived(tmp_path, zipped("cat/1.png", "dog/1.png"))
    assert (came.num_files, came.num_bytes) == (2, 2)


@pytest.mark.parametrize(
    ("body", "given", "words"),
    [
        (b"", {}, "no body"),
        (CSV, {}, r"\?format="),
        (CSV, {"format": "image_folder"}, "single file"),
        (CSV, {"format": "xlsx"}, "format is 'xlsx', but must be one of"),
        (zipped("a.csv", "b.csv"), {}, "2 files of the format csv"),
        (zipped("a.xyz"), {}, r"\.csv"),
        (zipped("a.txt"), {"format": "csv"}, "0 files of the format csv"),
        (zipped("cat/"), {}, "no files"),
        (CSV, {"format": "csv", "batch_size": 3}, "set has batch_size"),
        (CSV, {"name": "digits"}, "set has name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_only_the_user_can_say_is_asked_for(
    body: bytes, given: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        arrived(tmp_path, body, **given)
