"""Small data sets of images, in the form in which each is distributed."""

from __future__ import annotations

import bz2
import importlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NUM_TRAIN, NUM_VAL = 20, 10


@dataclass(frozen=True)
class Made:
    """Images uint8 ``[n, channels, height, width]`` and classes int64 ``[n]``."""

    images: np.ndarray
    labels: np.ndarray


def made(count: int, shape: tuple[int, ...], num_classes: int, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    return Made(images, np.arange(count) % num_classes)


def _idx(code: int, *shape: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (code << 8 | len(shape), *shape))


def _write_idx(folder: Path, name: str, part: str, own: Made, first_label: int = 0) -> None:
    raw = folder / name / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    count = len(own.labels)
    content = _idx(8, count, 28, 28) + own.images.tobytes()
    (raw / f"{part}-images-idx3-ubyte").write_bytes(content)
    labels = (own.labels + first_label).astype(np.uint8)
    (raw / f"{part}-labels-idx1-ubyte").write_bytes(_idx(8, count) + labels.tobytes())
    details = np.zeros((count, 8), ">i4")
    details[:, 0] = own.labels
    if name == "QMNIST":
        (raw / f"{part}-labels-idx1-ubyte").unlink()
        content = _idx(12, count, 8) + details.tobytes()
        (raw / f"{part}-labels-idx2-int").write_bytes(content)


def _mnist_like(name: str, *parts: str, first_label: int = 0) -> Callable[..., None]:
    def write(folder: Path, train: Made, val: Made) -> None:
        for part, own in zip(parts, (train, val), strict=True):
            _write_idx(folder, name, part, own, first_label)

    return write


def _pickle(file: Path, own: Made, labels: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = own.images.reshape(len(own.images), -1)
    file.write_bytes(pickle.dumps({"data": rows, labels: own.labels.tolist()}, protocol=2))


def _cifar10(folder: Path, train: Made, val: Made) -> None:
    for i in range(5):
        part = slice(4 * i, 4 * i + 4)
        file = folder / "cifar-10-batches-py" / f"data_batch_{i + 1}"
        _pickle(file, Made(train.images[part], train.labels[part]), "labels")
    _pickle(folder / "cifar-10-batches-py" / "test_batch", val, "labels")


def _cifar100(folder: Path, train: Made, val: Made) -> None:
    for name, own in (("train", train), ("test", val)):
        _pickle(folder / "cifar-100-python" / name, own, "fine_labels")


def _svhn(folder: Path, train: Made, val: Made) -> None:
    for name, own in (("train", train), ("test", val)):
        labels = np.where(own.labels == 0, 10, own.labels)[:, None].astype(np.uint8)
        content = {"X": own.images.transpose(2, 3, 1, 0), "y": labels}
        importlib.import_module("scipy.io").savemat(folder / f"{name}_32x32.mat", content)


def _stl10(folder: Path, train: Made, val: Made) -> None:
    (folder / "stl10_binary").mkdir()
    for name, own in (("train", train), ("test", val)):
        file = folder / "stl10_binary" / f"{name}_X.bin"
        file.write_bytes(own.images.transpose(0, 1, 3, 2).tobytes())
        file.with_name(f"{name}_y.bin").write_bytes((own.labels + 1).astype(np.uint8).tobytes())


def _usps(folder: Path, train: Made, val: Made) -> None:
    for name, own in (("usps.bz2", train), ("usps.t.bz2", val)):
        lines = []
        for image, label in zip(own.images, own.labels, strict=True):
            values = image.reshape(-1).astype(np.float64) / 127.5 - 1
            pairs = (f"{i + 1}:{value:.6f}" for i, value in enumerate(values))
            lines.append(f"{label + 1} {' '.join(pairs)}")
        (folder / name).write_bytes(bz2.compress("\n".join(lines).encode()))


@dataclass(frozen=True)
class Written:
    """``config`` is the data set's ``dataset_config``; ``write`` takes a folder and the samples to
    train and to validate with."""

    config: dict[str, str]
    shape: tuple[int, int, int]
    num_classes: int
    write: Callable[..., None]


_FLAT, _COLOUR = (1, 28, 28), (3, 32, 32)
WRITTEN = {
    "MNIST": Written({"name": "MNIST"}, _FLAT, 10, _mnist_like("MNIST", "train", "t10k")),
    "FashionMNIST": Written(
        {"name": "FashionMNIST"}, _FLAT, 10, _mnist_like("FashionMNIST", "train", "t10k")
    ),
    "KMNIST": Written({"name": "KMNIST"}, _FLAT, 10, _mnist_like("KMNIST", "train", "t10k")),
    "QMNIST": Written(
        {"name": "QMNIST"}, _FLAT, 10, _mnist_like("QMNIST", "qmnist-train", "qmnist-test")
    ),
    "EMNIST": Written(
        {"name": "EMNIST"},
        _FLAT,
        47,
        _mnist_like("EMNIST", "emnist-balanced-train", "emnist-balanced-test"),
    ),
    "EMNIST letters": Written(
        {"name": "EMNIST", "split": "letters"},
        _FLAT,
        26,
        _mnist_like("EMNIST", "emnist-letters-train", "emnist-letters-test", first_label=1),
    ),
    "CIFAR10": Written({"name": "CIFAR10"}, _COLOUR, 10, _cifar10),
    "CIFAR100": Written({"name": "CIFAR100"}, _COLOUR, 100, _cifar100),
    "SVHN": Written({"name": "SVHN"}, _COLOUR, 10, _svhn),
    "STL10": Written({"name": "STL10"}, (3, 96, 96), 10, _stl10),
    "USPS": Written({"name": "USPS"}, (1, 16, 16), 10, _usps),
}


def write_set(name: str, folder: Path) -> tuple[Made, Made]:
    """What was written."""
    own = WRITTEN[name]
    train = made(NUM_TRAIN, own.shape, own.num_classes, 1)
    val = made(NUM_VAL, own.shape, own.num_classes, 2)
    own.write(folder, train, val)
    return train, val
