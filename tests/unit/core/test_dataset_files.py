"""Data files that are not what they claim to be: named, with what is wrong and what helps."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from actors.core import mnist_download
from actors.core.datasets import count_train_samples, dataset_files, load_dataset
from actors.core.errors import DatasetUnavailable
from tests.support.mnist import write_mnist

NUM_TRAIN, NUM_VAL = 30, 20
PAGE = b"<!DOCTYPE html>\n<html><body>Log in to the network of the hotel</body></html>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mnist(tmp_path, NUM_TRAIN, NUM_VAL)
    return tmp_path


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
    file = dataset_files("MNIST", folder)[position]
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DatasetUnavailable) as raised:
        load_dataset("MNIST", folder)
    assert raised.value.message.startswith(f"{file} ") and said in raised.value.message
    assert "delete it" in raised.value.message
    if position == 0:
        with pytest.raises(DatasetUnavailable) as counted:
            count_train_samples("MNIST", folder)
        assert counted.value.message == raised.value.message


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
    file = dataset_files("MNIST", folder)[position]
    if position == 3:
        file.with_name("t10k-images-idx3-ubyte").write_bytes(images_file(NUM_TRAIN, 28, 28))
    file.write_bytes(content)
    with pytest.raises(DatasetUnavailable) as raised:
        load_dataset("MNIST", folder)
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
    file = dataset_files("MNIST", folder)[0]
    file.unlink()
    put(file)
    for read in (load_dataset, count_train_samples):
        with pytest.raises(DatasetUnavailable) as raised:
            read("MNIST", folder)
        assert str(file) in raised.value.message and said in raised.value.message


def test_a_file_that_may_not_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dataset_files("MNIST", folder)[1]
    plain_open = Path.open

    def refusing(path: Path, *mode: Any) -> Any:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return plain_open(path, *mode)

    monkeypatch.setattr(Path, "open", refusing)  # root may read anything
    with pytest.raises(DatasetUnavailable, match="permission denied") as raised:
        load_dataset("MNIST", folder)
    assert str(file) in raised.value.message


def test_the_archives_as_they_are_distributed_are_read_as_they_are(folder: Path) -> None:
    plain = load_dataset("MNIST", folder)
    for file in dataset_files("MNIST", folder):
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert count_train_samples("MNIST", folder) == NUM_TRAIN
    packed = load_dataset("MNIST", folder)
    assert packed.fingerprint == plain.fingerprint
    assert np.array_equal(packed.val.images, plain.val.images)
    archive = dataset_files("MNIST", folder)[2].with_name("t10k-images-idx3-ubyte.gz")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DatasetUnavailable) as raised:
        load_dataset("MNIST", folder)
    assert str(archive) in raised.value.message and "damaged gzip" in raised.value.message


def test_images_and_labels_come_as_they_were_written(folder: Path) -> None:
    mnist = load_dataset("MNIST", folder)
    assert mnist.train.images.shape == (NUM_TRAIN, 784) and mnist.train.images.dtype == np.uint8
    assert mnist.val.labels.shape == (NUM_VAL,) and mnist.val.labels.dtype == np.int64
    assert mnist.train.images.tobytes() == dataset_files("MNIST", folder)[0].read_bytes()[16:]


def test_the_fingerprint_is_of_samples_and_their_order(folder: Path, tmp_path: Path) -> None:
    first = load_dataset("MNIST", folder).fingerprint
    assert first == load_dataset("MNIST", folder, (14, 14)).fingerprint
    for file in dataset_files("MNIST", folder):
        data = bytearray(file.read_bytes())
        data[-1] = (data[-1] + 1) % 10
        file.write_bytes(data)
        changed = load_dataset("MNIST", folder).fingerprint
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
    monkeypatch.setattr(mnist_download, "import_torchvision", downloads(served))
    files = dataset_files("MNIST", folder)
    own = files[0].read_bytes()
    own = own[:-1] + bytes([own[-1] ^ 1])
    files[0].write_bytes(own)
    files[1].unlink()
    assert load_dataset("MNIST", folder).train.labels[-1] == 5
    assert files[0].read_bytes() == own
    assert sorted(p.name for p in files[0].parent.iterdir()) == sorted(f.name for f in files)


def test_what_is_missing_and_can_not_be_had_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_download, "import_torchvision", downloads(None))
    files = dataset_files("MNIST", folder)
    files[1].unlink()
    with pytest.raises(DatasetUnavailable, match="no route to host") as raised:
        load_dataset("MNIST", folder)
    assert files[1].name in raised.value.message and files[0].name not in raised.value.message
    shutil.rmtree(folder / "MNIST")
    with pytest.raises(DatasetUnavailable, match=r"MNIST is not in .*digits"):
        load_dataset("MNIST", folder)
