"""MNIST, in files of its own format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from actors.core.errors import DatasetUnavailable
from actors.core.folders import Folders
from actors.core.sources.download import fetch_mnist
from actors.core.sources.idx_files import IdxKind, count_samples, is_there, read_idx
from actors.core.sources.images import (
    IMAGE_FIELDS,
    IMAGE_VIEW_FIELDS,
    image_facts,
    image_samples,
)
from actors.core.sources.registry import SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import Found

IMAGES, LABELS = IdxKind("images", (28, 28)), IdxKind("labels")
FOUND = Found(60_000, 10_000, 10, (0.1307,), (0.3081,))
REMEDY = "Put the right files in their place, or delete them and they are downloaded"


def _files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    """Images and labels to train with, then to validate with."""
    raw = folders.data / "MNIST" / "raw"
    kinds = ("images-idx3", "labels-idx1")
    return tuple(raw / f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds)


def _known(spec: SourceSpec, folders: Folders) -> Found:
    """Training samples that are really there, by the file's header and size; the full set's
    without it."""
    images = _files(spec, folders)[0]
    return replace(FOUND, num_train=count_samples(images, IMAGES)) if is_there(images) else FOUND


def _fetch(spec: SourceSpec, folders: Folders) -> None:
    missing = [path for path in _files(spec, folders) if not is_there(path)]
    if missing:
        fetch_mnist(folders.data, missing)


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    files = _files(spec, folders)
    train, val = _read_split(*files[:2]), _read_split(*files[2:])
    found = replace(FOUND, num_train=len(train.inputs), num_val=len(val.inputs))
    return image_samples(spec, train, val, found)


def _read_split(images_file: Path, labels_file: Path) -> Split:
    images, labels = read_idx(images_file, IMAGES), read_idx(labels_file, LABELS)
    if len(images) != len(labels):
        raise DatasetUnavailable(
            f"{images_file} has {len(images):,} images, but {labels_file} has {len(labels):,} "
            f"labels. {REMEDY}"
        )
    places = (str(images_file), str(labels_file))
    return Split(images[:, None], labels.astype(np.int64), *places)


add_source(
    SourceKind(
        "MNIST",
        "60,000 and 10,000 images of 28 x 28 handwritten digits",
        _read,
        image_facts((1, 28, 28)),
        _known,
        _files,
        _fetch,
        IMAGE_FIELDS,
        IMAGE_VIEW_FIELDS,
        REMEDY,
    )
)
