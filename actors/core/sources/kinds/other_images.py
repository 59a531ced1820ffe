"""SVHN, STL10 and USPS, each in the file format of its authors."""

from __future__ import annotations

import bz2
import importlib
from pathlib import Path

import numpy as np

from actors.core.rows.data_files import file_unusable, reading
from actors.core.sources.download import Download
from actors.core.sources.images import ImageFiles
from actors.core.sources.samples import Split
from actors.core.sources.source_facts import Found

STL10_SHAPE = (3, 96, 96)
USPS_SIDE = 16


def _read_svhn(files: tuple[Path, ...]) -> tuple[Split, Split]:
    train, val = (_read_mat(file) for file in files)
    return train, val


def _read_mat(file: Path) -> Split:
    """MATLAB's arrays ``X`` [32, 32, 3, n] and ``y``. The label 10 means the digit 0."""
    with reading(file):
        content = importlib.import_module("scipy.io").loadmat(file)
        images, labels = content["X"], content["y"].reshape(-1).astype(np.int64)
        if images.dtype != np.uint8 or images.shape != (32, 32, 3, len(labels)):
            raise file_unusable(file, f"has images of {list(images.shape)} {images.dtype}")
        labels[labels == 10] = 0
        return Split(images.transpose(3, 2, 0, 1), labels, str(file), str(file))


def _stl10_files(data: Path) -> tuple[Path, ...]:
    names = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
    return tuple(data / "stl10_binary" / name for name in names)


def _read_stl10(files: tuple[Path, ...]) -> tuple[Split, Split]:
    return _read_bin(*files[:2]), _read_bin(*files[2:])


def _read_bin(images_file: Path, labels_file: Path) -> Split:
    """Images are stored column by column, and labels count from 1."""
    with reading(images_file):
        images = np.fromfile(images_file, np.uint8).reshape(-1, *STL10_SHAPE)
    with reading(labels_file):
        labels = np.fromfile(labels_file, np.uint8).astype(np.int64) - 1
    if len(images) != len(labels):
        finding = f"has {len(images):,} images, but {labels_file} has {len(labels):,} labels"
        raise file_unusable(images_file, finding)
    return Split(images.transpose(0, 1, 3, 2), labels, str(images_file), str(labels_file))


def _read_usps(files: tuple[Path, ...]) -> tuple[Split, Split]:
    train, val = (_read_lines(file) for file in files)
    return train, val


def _read_lines(file: Path) -> Split:
    """Each line is an image: a label from 1 on, then ``index:value`` with values from -1 to 1.
    They become bytes in the way of torchvision."""
    with reading(file), bz2.open(file) as unpacked:
        lines = [line.split() for line in unpacked]
        values = [[value.rpartition(b":")[2] for value in line[1:]] for line in lines]
        images = np.asarray(values, np.float32).reshape(-1, 1, USPS_SIDE, USPS_SIDE)
        if not (np.abs(images) <= 1.0).all():
            raise file_unusable(file, "has values that are not from -1 to 1")
        labels = np.asarray([int(line[0]) for line in lines], np.int64) - 1
        pixels = ((images + 1) / 2 * 255).astype(np.uint8)
        return Split(pixels, labels, str(file), str(file))


ImageFiles(
    "SVHN",
    "73,257 and 26,032 colour images of 32 x 32 of house numbers, in 10 classes",
    (3, 32, 32),
    Found(73_257, 26_032, 10, (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    lambda data: (data / "train_32x32.mat", data / "test_32x32.mat"),
    _read_svhn,
    Download("SVHN", ({"split": "train"}, {"split": "test"})),
).add()
ImageFiles(
    "STL10",
    "5,000 and 8,000 colour images of 96 x 96, in 10 classes",
    STL10_SHAPE,
    Found(5_000, 8_000, 10, (0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713)),
    _stl10_files,
    _read_stl10,
    Download("STL10"),
).add()
ImageFiles(
    "USPS",
    "7,291 and 2,007 images of 16 x 16 of handwritten digits",
    (1, USPS_SIDE, USPS_SIDE),
    None,
    lambda data: (data / "usps.bz2", data / "usps.t.bz2"),
    _read_usps,
    Download("USPS", ({"train": True}, {"train": False})),
    num_classes=10,
).add()
