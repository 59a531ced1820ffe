"""Data files that are not what they claim to be: named, with what is wrong and what helps."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from actors.core.errors import DatasetUnavailable
from actors.core.folders import Folders
from actors.core.sources import download
from actors.core.sources.registry import known_of, parse_source
from tests.support.mnist import mnist_files, write_mnist
from tests.support.sources import read

NUM_TRAIN, NUM_VAL = 30, 20
PAGE = b"<!DOCTYPE html>\n<html><body>Log in to the network of the hotel</body></html>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mnist(tmp_path, NUM_TRAIN, NUM_VAL)
    return tmp_path


def counted(folder: Path) -> int:
    """Training samples, by looking at the files only."""
    found = known_of(parse_source({"name": "MNIST"}), Folders(folder, ()))
    assert found is not None
    return found.num_train


def labels_file(count: int, values: bytes) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (0x801, count)) + values


def images_file(count: int, height: int, width: int, magic: int = 0x803) -> bytes:
    header = b"".join(n.to_bytes(4, "big") for n in (magic, count, height, width))
    return header + bytes(count * height * width)


IN_PLACE_OF_IMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda data: b"", "is empty"),
    "a page": (lambda data: PAGE, "HTML"),
    "a page behind a blank line": (lambda data: b"\r\n \xef\xbb\xbf" + PAGE, "HTML"),
    "an archive": (gzip.compress, "gzip archive"),
    "a zip archive": (lambda data: b"PK\x03\x04" + bytes(40), "zip archive"),
    "a pointer": (lambda data: b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
    "a note": (lambda data: b"Error 404: no such object", "text file"),
    "zeros": (lambda data: bytes(len(data)), "zeros"),
    "half of it": (lambda data: data[: len(data) // 2], "cut short"),
    "its first bytes": (lambda data: data[:9], "cut short"),
    "all but a byte": (lambda data: data[:-1], "cut short"),
    "a byte more": (lambda data: data + b"\0", "too long"),
    "an absurd count": (lambda data: data[:4] + b"\xff" * 4 + data[8:], "4,294,967,295 images"),
    "none": (lambda data: images_file(0, 28, 28), "no images"),
    "other sizes": (lambda data: images_file(30, 32, 32), "32 x 32 instead of 28 x 28"),
    "labels": (lambda data: labels_file(30, bytes(30)), "holds labels"),
    "floats": (lambda data: images_file(30, 28, 28, 0xD03), "float32"),
    "noise": (lambda data: b"\x93\x11" * 900, "is no IDX file"),
}


@pytest.mark.parametrize("position", [0, 2], ids=["training", "validation"])
@pytest.mark.parametrize("case", IN_PLACE_OF_IMAGES)
def test_what_lies_in_the_place_of_images_is_named(folder: Path, case: str, position: int) -> None:
    change, said = IN_PLACE_OF_IMAGES[case]
    file = mnist_files(folder)[position]
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DatasetUnavailable) as raised:
        read("MNIST", folder)
    assert raised.value.message.startswith(f"{file} ") and said in raised.value.message
    assert "delete it" in raised.value.message
    if position == 0:
        with pytest.raises(DatasetUnavailable) as found:
            counted(folder)
        assert found.value.message == raised.value.message


@pytest.mark.parametrize("position", [1, 3], ids=["training", "validation"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (labels_file(18, bytes(18)), ["images", "18 labels"]),
        (labels_file(400, bytes(400)), ["images", "400 labels"]),
        (labels_file(NUM_TRAIN, bytes([3, 10] * 15)), ["label 10 for sample 1", "0 to 9"]),
        (labels_file(NUM_TRAIN, bytes([255] * 30)), ["label 255 for sample 0"]),
        (labels_file(NUM_TRAIN, b"12"), ["cut short"]),
        (images_file(NUM_TRAIN, 28, 28), ["holds images", "swapped"]),
    ],
)
def test_labels_that_do_not_fit_are_named(
    folder: Path, position: int, content: bytes, said: list[str]
) -> None:
    file = mnist_files(folder)[position]
    if position == 3:
        file.with_name("t10k-images-idx3-ubyte").write_bytes(images_file(NUM_TRAIN, 28, 28))
    file.write_bytes(content)
    with pytest.raises(DatasetUnavailable) as raised:
        read("MNIST", folder)
    assert str(file) in raised.value.message
    assert all(part in raised.value.message for part in said), raised.value.message


def a_pipe(file: Path) -> None:
    os.mkfifo(file)


def a_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as own:
        os.chdir(file.parent)  # the path may be too long for a socket
        own.bind(file.name)


def a_broken_link(file: Path) -> None:
    file.symlink_to(file.parent / "gone")


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (Path.mkdir, "is a folder"),
        (a_pipe, "a pipe"),
        (a_socket, "a socket"),
        (a_broken_link, "is a link to"),
    ],
)
def test_what_is_no_file_is_named_and_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None], said: str
) -> None:
    monkeypatch.chdir(folder)
    file = mnist_files(folder)[0]
    file.unlink()
    put(file)
    for look in (partial(read, "MNIST"), counted):
        with pytest.raises(DatasetUnavailable) as raised:
            look(folder)
        assert str(file) in raised.value.message and said in raised.value.message


def test_a_file_that_may_not_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mnist_files(folder)[1]
    plain_open = Path.open

    def refusing(path: Path, *mode: Any) -> Any:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return plain_open(path, *mode)

    monkeypatch.setattr(Path, "open", refusing)  # root may read anything
    with pytest.raises(DatasetUnavailable, match="permission denied") as raised:
        read("MNIST", folder)
    assert str(file) in raised.value.message


def test_the_archives_as_they_are_distributed_are_read_as_they_are(folder: Path) -> None:
    plain = read("MNIST", folder)
    for file in mnist_files(folder):
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert counted(folder) == NUM_TRAIN
    packed = read("MNIST", folder)
    assert packed.fingerprint == plain.fingerprint
    assert np.array_equal(packed.val.inputs, plain.val.inputs)
    archive = mnist_files(folder)[2].with_name("t10k-images-idx3-ubyte.gz")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DatasetUnavailable) as raised:
        read("MNIST", folder)
    assert str(archive) in raised.value.message and "damaged gzip" in raised.value.message


def test_images_and_labels_come_as_they_were_written(folder: Path) -> None:
    mnist = read("MNIST", folder)
    assert (
        mnist.train.inputs.shape == (NUM_TRAIN, 1, 28, 28) and mnist.train.inputs.dtype == np.uint8
    )
    assert mnist.val.targets.shape == (NUM_VAL,) and mnist.val.targets.dtype == np.int64
    assert mnist.train.inputs.tobytes() == mnist_files(folder)[0].read_bytes()[16:]


def test_the_fingerprint_is_of_samples_and_their_order(folder: Path) -> None:
    first = read("MNIST", folder).fingerprint
    assert first == read("MNIST", folder, resize=[14, 14]).fingerprint
    for file in mnist_files(folder):
        data = bytearray(file.read_bytes())
        data[-1] = (data[-1] + 1) % 10
        file.write_bytes(data)
        changed = read("MNIST", folder).fingerprint
        assert changed != first
        first = changed


def downloads(served: Path | None) -> Any:
    """torchvision, with its download from a folder, or none at all."""

    def mnist(root: str, download: bool) -> None:
        assert download
        if served is None:
            raise RuntimeError("no route to host")
        shutil.copytree(served / "MNIST", Path(root) / "MNIST")

    return lambda module: SimpleNamespace(MNIST=mnist)


def test_only_what_is_missing_is_downloaded(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = tmp_path_factory.mktemp("served")
    write_mnist(served, NUM_TRAIN, NUM_VAL, max_label=5)
    monkeypatch.setattr(download, "import_torchvision", downloads(served))
    files = mnist_files(folder)
    own = files[0].read_bytes()
    own = own[:-1] + bytes([own[-1] ^ 1])
    files[0].write_bytes(own)
    files[1].unlink()
    assert read("MNIST", folder).train.targets[-1] == 5
    assert files[0].read_bytes() == own
    assert sorted(p.name for p in files[0].parent.iterdir()) == sorted(f.name for f in files)


def test_what_is_missing_and_can_not_be_had_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "import_torchvision", downloads(None))
    files = mnist_files(folder)
    files[1].unlink()
    with pytest.raises(DatasetUnavailable, match="no route to host") as raised:
        read("MNIST", folder)
    assert files[1].name in raised.value.message and files[0].name not in raised.value.message
    shutil.rmtree(folder / "MNIST")
    with pytest.raises(DatasetUnavailable, match=r"MNIST is not in .*digits"):
        read("MNIST", folder)
