"""CIFAR10 and CIFAR100: images of 32 x 32 in pickled files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.rows.data_files import file_unusable, reading
from actors.core.sources.download import Download
from actors.core.sources.images import ImageFiles
from actors.core.sources.samples import Split
from actors.core.sources.source_facts import Found

SHAPE = (3, 32, 32)


class _PlainUnpickler(pickle.Unpickler):
    """Unpickles only numpy's arrays and Python's own values. A pickle may name any function to
    be called, and the file may come from anyone."""

    def find_class(self, module: str, name: str) -> Any:
        """The only names that an array's pickle needs, in any version of numpy."""
        made_of: dict[tuple[str, str], Any] = {
            ("multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): _encode,
        }
        found = made_of.get((module.rpartition(".")[2], name))
        if found is None or module.partition(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return found


def _encode(text: str, encoding: str) -> bytes:
    """Bytes in the encoding on which Python 2 and 3 agree."""
    return text.encode("latin1" if encoding == "latin1" else "utf-8")


@dataclass(frozen=True)
class _Cifar:
    folder: str
    train: tuple[str, ...]
    val: str
    labels: str

    def files(self, data: Path) -> tuple[Path, ...]:
        return tuple(data / self.folder / name for name in (*self.train, self.val))

    def read(self, files: tuple[Path, ...]) -> tuple[Split, Split]:
        parts = [self._part(file) for file in files]
        *train, (val_images, val_labels) = parts
        at, val_at = str(files[0].parent), str(files[-1])
        images, labels = (np.concatenate([part[i] for part in train]) for i in (0, 1))
        return Split(images, labels, at, at), Split(val_images, val_labels, val_at, val_at)

    def _part(self, file: Path) -> tuple[np.ndarray, np.ndarray]:
        with reading(file), file.open("rb") as opened:
            content = _PlainUnpickler(opened, encoding="latin1").load()
            images, labels = content["data"], np.asarray(content[self.labels], np.int64)
            if images.dtype != np.uint8 or labels.ndim != 1 or len(images) != len(labels):
                raise file_unusable(file, f"has no uint8 images with as many {self.labels}")
            return images.reshape(-1, *SHAPE), labels


def _add(name: str, says: str, num_classes: int, files: _Cifar, *scale: tuple[float, ...]) -> None:
    mean, std = scale
    read: Callable[[tuple[Path, ...]], tuple[Split, Split]] = files.read
    found = Found(50_000, 10_000, num_classes, mean, std)
    ImageFiles(name, says, SHAPE, found, files.files, read, Download(name)).add()


_add(
    "CIFAR10",
    "50,000 and 10,000 colour images of 32 x 32, in 10 classes",
    10,
    _Cifar(
        "cifar-10-batches-py",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        "test_batch",
        "labels",
    ),
    (0.4914, 0.4822, 0.4465),
    (0.2470, 0.2435, 0.2616),
)
_add(
    "CIFAR100",
    "50,000 and 10,000 colour images of 32 x 32, in 100 classes",
    100,
    _Cifar("cifar-100-python", ("train",), "test", "fine_labels"),
    (0.5071, 0.4865, 0.4409),
    (0.2673, 0.2564, 0.2762),
)
