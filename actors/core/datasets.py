"""The data sets, as they are stored: uint8 images, flattened, and their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
from actors.core.idx_files import IdxKind, count_samples, is_there, read_idx
from actors.core.mnist_download import fetch_mnist
from actors.core.specs import Normalization

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
IMAGES, LABELS = IdxKind("images", (28, 28)), IdxKind("labels")


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without its files.

    ``shape`` is (height, width); ``num_train`` and ``num_val`` are those of the complete set.
    ``normalization`` is by the training images' own mean and standard deviation, on 0..1.
    """

    name: str
    shape: tuple[int, int]
    num_classes: int
    num_train: int
    num_val: int
    normalization: Normalization


@dataclass(frozen=True)
class Split:
    """Images uint8 ``[n, features]`` with labels int64 ``[n]``."""

    images: Images
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """Training and validation samples of one data set, resized as asked. ``fingerprint`` is of all
    of them as they are stored."""

    train: Split
    val: Split
    fingerprint: str = ""


@dataclass(frozen=True)
class Sources:
    """Where a split comes from, for people: its images and its labels."""

    images: str
    labels: str
    remedy: str


DATASETS = {
    "MNIST": DatasetInfo("MNIST", (28, 28), 10, 60_000, 10_000, Normalization(0.1307, 0.3081)),
    "digits": DatasetInfo("digits", (8, 8), 10, 1_438, 359, Normalization(0.3059, 0.3763)),
}


def dataset_info(name: str) -> DatasetInfo:
    """Raises ``InvalidRequest`` for a name that is not one of ``DATASETS``."""
    if name not in DATASETS:
        raise InvalidRequest(
            f"dataset_config.name is {name!r}, but must be one of {', '.join(DATASETS)}"
        )
    return DATASETS[name]


def load_dataset(name: str, data_dir: Path, resize: tuple[int, int] | None = None) -> Dataset:
    """Reads the data set, and checks it; ``resize`` is (height, width).

    Raises ``DatasetUnavailable`` when its files are neither there nor to be had, or not what they
    should be, naming file, finding and remedy.
    """
    info = dataset_info(name)
    fetch_dataset(name, data_dir)
    dataset = _LOADERS[name](data_dir)
    for split, sources in zip((dataset.train, dataset.val), _sources(name, data_dir), strict=True):
        _check_split(info, split, sources)
    return Dataset(
        Split(_resized(dataset.train.images, info.shape, resize), dataset.train.labels),
        Split(_resized(dataset.val.images, info.shape, resize), dataset.val.labels),
        _fingerprint(dataset),
    )


def fetch_dataset(name: str, data_dir: Path) -> None:
    """Downloads the files that are missing; raises ``DatasetUnavailable``."""
    missing = [path for path in dataset_files(name, data_dir) if not is_there(path)]
    if missing:
        fetch_mnist(data_dir, missing)


def dataset_files(name: str, data_dir: Path) -> list[Path]:
    """What the data set is read from: images and labels to train with, then to validate with."""
    raw = data_dir / "MNIST" / "raw"
    kinds = ("images-idx3", "labels-idx1")
    files = [raw / f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds]
    return files if name == "MNIST" else []


def count_train_samples(name: str, data_dir: Path) -> int:
    """Training samples that are really there, by the file's header and size; the full set's
    without it. Raises ``DatasetUnavailable`` for one that can't be the right file."""
    files = dataset_files(name, data_dir)
    if files and is_there(files[0]):
        return count_samples(files[0], IMAGES)
    return dataset_info(name).num_train


def place_of(name: str, data_dir: Path) -> str:
    """Where the data set comes from, for people."""
    files = dataset_files(name, data_dir)
    return str(files[0].parent) if files else f"scikit-learn's {name}"


def _sources(name: str, data_dir: Path) -> tuple[Sources, Sources]:
    files = [str(path) for path in dataset_files(name, data_dir)]
    if files:
        remedy = "Put the right files in their place, or delete them and they are downloaded"
        return Sources(files[0], files[1], remedy), Sources(files[2], files[3], remedy)
    installed = f"scikit-learn's {name}"
    return (Sources(installed, installed, "Install scikit-learn again"),) * 2


def _check_split(info: DatasetInfo, split: Split, sources: Sources) -> None:
    if (finding := _finding(info, split, sources)) is not None:
        raise DatasetUnavailable(f"{finding}. {sources.remedy}")


def _finding(info: DatasetInfo, split: Split, sources: Sources) -> str | None:
    """What is wrong with the arrays, wherever they come from."""
    images, labels = split.images, split.labels
    num_features = info.shape[0] * info.shape[1]
    if images.dtype != np.uint8 or images.shape[1:] != (num_features,):
        return (
            f"{sources.images} has images of {images.shape[1:]} {images.dtype} instead of "
            f"{num_features} uint8"
        )
    if len(images) != len(labels):
        return (
            f"{sources.images} has {len(images):,} images, but {sources.labels} has "
            f"{len(labels):,} labels"
        )
    if len(images) == 0:
        return f"{sources.images} has no images"
    wrong = np.flatnonzero((labels < 0) | (labels >= info.num_classes))
    if len(wrong):
        return (
            f"{sources.labels} has label {labels[wrong[0]]} for sample {wrong[0]} (counted from "
            f"0), but {info.name} has the classes 0 to {info.num_classes - 1}"
        )
    return None


def _fingerprint(dataset: Dataset) -> str:
    """Equal for equal samples in equal order, and, but for an attack, for no others."""
    digest = hashlib.blake2b(digest_size=16)
    for split in (dataset.train, dataset.val):
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(split.labels.astype(np.uint8).data)
    return digest.hexdigest()


def _load_digits(_: Path) -> Dataset:
    """scikit-learn's 1,797 images of 8 x 8; every fifth is kept for validation."""
    try:
        from sklearn.datasets import load_digits

        bunch = load_digits()
    except (ImportError, OSError, ValueError, EOFError) as error:
        raise DatasetUnavailable(
            f"scikit-learn's digits can't be read ({error_text(error)}): install scikit-learn again"
        ) from error
    pixels = np.rint(bunch.data * (255.0 / 16.0)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    is_val = np.arange(len(labels)) % 5 == 4
    return Dataset(Split(pixels[~is_val], labels[~is_val]), Split(pixels[is_val], labels[is_val]))


def _load_mnist(data_dir: Path) -> Dataset:
    files = dataset_files("MNIST", data_dir)
    return Dataset(_load_split(files[0], files[1]), _load_split(files[2], files[3]))


def _load_split(images_file: Path, labels_file: Path) -> Split:
    images, labels = read_idx(images_file, IMAGES), read_idx(labels_file, LABELS)
    return Split(images.reshape(len(images), -1), labels.astype(np.int64))


def _resized(images: Images, shape: tuple[int, int], resize: tuple[int, int] | None) -> Images:
    """Bilinear with antialiasing, uint8 in and out."""
    if resize is None or resize == shape:
        return images
    square = torch.from_numpy(images).reshape(-1, 1, *shape)
    resized = functional.interpolate(square, list(resize), mode="bilinear", antialias=True)
    flat: Images = resized.reshape(len(images), -1).numpy()
    return flat


_LOADERS: dict[str, Callable[[Path], Dataset]] = {"MNIST": _load_mnist, "digits": _load_digits}
