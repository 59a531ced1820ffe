"""The data sets, as they are stored: uint8 images, flattened, and their labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from actors.core.errors import InvalidRequest, TandemError
from actors.core.specs import Normalization
from actors.core.torchvision_compat import import_torchvision

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class DatasetMissing(TandemError):
    """The files are not in the data folder and could not be downloaded."""


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
    """Training and validation samples of one data set, resized as asked."""

    train: Split
    val: Split


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
    """Reads the data set; ``resize`` is (height, width).

    Raises ``DatasetMissing`` naming the folder when its files are neither there nor to be had.
    """
    dataset_info(name)
    dataset = _LOADERS[name](data_dir)
    shape = DATASETS[name].shape
    return Dataset(
        Split(_resized(dataset.train.images, shape, resize), dataset.train.labels),
        Split(_resized(dataset.val.images, shape, resize), dataset.val.labels),
    )


def count_train_samples(name: str, data_dir: Path) -> int:
    """Training samples that are really there, from the file's header; the full set's without it."""
    images = data_dir / "MNIST" / "raw" / "train-images-idx3-ubyte"
    if name == "MNIST" and images.is_file():
        with images.open("rb") as file:
            header = file.read(8)
        if len(header) == 8:
            return int.from_bytes(header[4:], "big")
    return dataset_info(name).num_train


def _load_digits(_: Path) -> Dataset:
    """scikit-learn's 1,797 images of 8 x 8; every fifth is kept for validation."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.data * (255.0 / 16.0)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    is_val = np.arange(len(labels)) % 5 == 4
    return Dataset(Split(pixels[~is_val], labels[~is_val]), Split(pixels[is_val], labels[is_val]))


def _load_mnist(data_dir: Path) -> Dataset:
    return Dataset(_load_mnist_split(data_dir, True), _load_mnist_split(data_dir, False))


def _load_mnist_split(data_dir: Path, train: bool) -> Split:
    mnist = import_torchvision("torchvision.datasets").MNIST
    try:
        data = mnist(root=str(data_dir), train=train, download=not _has_mnist(data_dir))
    except (OSError, RuntimeError) as error:
        cause = " ".join(str(error).split())
        raise DatasetMissing(
            f"MNIST is not in {data_dir} and could not be downloaded ({cause}). Put its four "
            f"files in {data_dir / 'MNIST' / 'raw'} (TANDEM_DATA_DIR names the folder), or use "
            'the data set "digits", which needs no download'
        ) from error
    images = data.data.numpy()
    return Split(images.reshape(len(images), -1), data.targets.numpy().astype(np.int64))


def _has_mnist(data_dir: Path) -> bool:
    raw = data_dir / "MNIST" / "raw"
    kinds = ("images-idx3", "labels-idx1")
    files = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds]
    return all((raw / file).exists() for file in files)


def _resized(images: Images, shape: tuple[int, int], resize: tuple[int, int] | None) -> Images:
    """Bilinear with antialiasing, uint8 in and out."""
    if resize is None or resize == shape:
        return images
    square = torch.from_numpy(images).reshape(-1, 1, *shape)
    resized = functional.interpolate(square, list(resize), mode="bilinear", antialias=True)
    flat: Images = resized.reshape(len(images), -1).numpy()
    return flat


_LOADERS: dict[str, Callable[[Path], Dataset]] = {"MNIST": _load_mnist, "digits": _load_digits}
