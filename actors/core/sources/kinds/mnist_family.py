"""MNIST and the data sets in its form: images of 28 x 28 in IDX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from actors.core.errors import DatasetUnavailable
from actors.core.fields import Field, choice
from actors.core.folders import Folders
from actors.core.rows.data_files import is_there
from actors.core.sources.download import Download
from actors.core.sources.idx_files import INTEGERS, IdxKind, count_samples, read_idx
from actors.core.sources.images import (
    FILES_REMEDY,
    IMAGE_FIELDS,
    IMAGE_VIEW_FIELDS,
    image_facts,
    image_samples,
)
from actors.core.sources.registry import SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import Found

IMAGES = IdxKind("images", (28, 28))
LABELS = ("labels-idx1-ubyte", IdxKind("labels"))
DETAILED_LABELS = ("labels-idx2-int", IdxKind("labels", (8,), INTEGERS))
"""A label of eight numbers; the first one is the class."""
OF_MNIST = Found(60_000, 10_000, 10, (0.1307,), (0.3081,))


@dataclass(frozen=True)
class IdxSet:
    """``found`` describes the complete set, with the statistics of its training images.
    ``parts`` are the beginnings of the file names for training and validation. ``first_label``
    is the label of class 0."""

    name: str
    says: str
    found: Found
    parts: tuple[str, str] = ("train", "t10k")
    labels: tuple[str, IdxKind] = LABELS
    first_label: int = 0
    calls: tuple[dict[str, str], ...] = ({},)

    def files(self, folders: Folders) -> tuple[Path, ...]:
        """The files: images and labels for training, then for validation."""
        raw = folders.data / self.name / "raw"
        names = ("images-idx3-ubyte", self.labels[0])
        return tuple(raw / f"{part}-{name}" for part in self.parts for name in names)

    def known(self, folders: Folders) -> Found:
        """The number of training samples in the file, by its header and size. If there is no
        file, the number of the full set."""
        images = self.files(folders)[0]
        if not is_there(images):
            return self.found
        return replace(self.found, num_train=count_samples(images, IMAGES))

    def fetch(self, folders: Folders) -> None:
        """The missing files."""
        files = self.files(folders)
        missing = [path for path in files if not is_there(path)]
        if missing:
            Download(self.name, self.calls).fetch(folders.data, files, missing)

    def read(self, spec: SourceSpec, folders: Folders) -> Samples:
        """All four files."""
        files = self.files(folders)
        train, val = self._split(*files[:2]), self._split(*files[2:])
        found = replace(self.found, num_train=len(train.inputs), num_val=len(val.inputs))
        return image_samples(spec, train, val, found)

    def _split(self, images_file: Path, labels_file: Path) -> Split:
        images, labels = read_idx(images_file, IMAGES), read_idx(labels_file, self.labels[1])
        if len(images) != len(labels):
            raise DatasetUnavailable(
                f"{images_file} has {len(images):,} images, but {labels_file} has {len(labels):,} "
                f"labels. {FILES_REMEDY}"
            )
        classes = labels.reshape(len(labels), -1)[:, 0].astype(np.int64) - self.first_label
        return Split(images[:, None], classes, str(images_file), str(labels_file))


@dataclass(frozen=True)
class IdxSource:
    """A source whose arguments choose one of several ``IdxSet``s."""

    sets: Mapping[str | None, IdxSet]
    fields: Mapping[str, Field] = field(default_factory=dict)

    def chosen(self, spec: SourceSpec) -> IdxSet:
        """The set of the argument ``split``, if there is one."""
        split = spec.keywords.get("split")
        return self.sets[None if split is None else str(split)]

    def add(self, name: str, says: str) -> None:
        """Adds it to the registry."""
        add_source(
            SourceKind(
                name,
                says,
                lambda spec, folders: self.chosen(spec).read(spec, folders),
                image_facts((1, 28, 28)),
                lambda spec, folders: self.chosen(spec).known(folders),
                lambda spec, folders: self.chosen(spec).files(folders),
                lambda spec, folders: self.chosen(spec).fetch(folders),
                {**self.fields, **IMAGE_FIELDS},
                IMAGE_VIEW_FIELDS,
                FILES_REMEDY,
            )
        )


def _emnist(split: str, num_train: int, num_val: int, num_classes: int, *scale: float) -> IdxSet:
    mean, std = scale
    found = Found(num_train, num_val, num_classes, (mean,), (std,))
    parts = (f"emnist-{split}-train", f"emnist-{split}-test")
    first_label = 1 if split == "letters" else 0
    calls = ({"split": split},)
    return IdxSet("EMNIST", "letters and digits", found, parts, LABELS, first_label, calls)


PLAIN = (
    IdxSet("MNIST", "60,000 and 10,000 images of 28 x 28 handwritten digits", OF_MNIST),
    IdxSet(
        "FashionMNIST",
        "60,000 and 10,000 images of 28 x 28 of clothes, in 10 classes",
        replace(OF_MNIST, mean=(0.2860,), std=(0.3530,)),
    ),
    IdxSet(
        "KMNIST",
        "60,000 and 10,000 images of 28 x 28 of Japanese characters, in 10 classes",
        replace(OF_MNIST, mean=(0.1918,), std=(0.3483,)),
    ),
    IdxSet(
        "QMNIST",
        "MNIST anew from its source: 60,000 and 60,000 images",
        replace(OF_MNIST, num_val=60_000),
        ("qmnist-train", "qmnist-test"),
        DETAILED_LABELS,
        calls=({"what": "train"}, {"what": "test"}),
    ),
)
EMNIST: dict[str | None, IdxSet] = {
    "balanced": _emnist("balanced", 112_800, 18_800, 47, 0.1751, 0.3332),
    "byclass": _emnist("byclass", 697_932, 116_323, 62, 0.1736, 0.3317),
    "bymerge": _emnist("bymerge", 697_932, 116_323, 47, 0.1736, 0.3317),
    "letters": _emnist("letters", 124_800, 20_800, 26, 0.1722, 0.3309),
    "digits": _emnist("digits", 240_000, 40_000, 10, 0.1733, 0.3317),
    "mnist": _emnist("mnist", 60_000, 10_000, 10, 0.1733, 0.3317),
}
for own in PLAIN:
    IdxSource({None: own}).add(own.name, own.says)
IdxSource(EMNIST, {"split": choice([str(split) for split in EMNIST], "balanced")}).add(
    "EMNIST", "images of 28 x 28 of handwritten letters and digits, as they are stored: transposed"
)
