"""Finds real MNIST for the tests, and makes data in its format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from actors.core.folders import Folders
from actors.core.sources.registry import parse_source, source_files


def mnist_dir() -> Path:
    """The folder in TANDEM_DATA_DIR; skips the test if there is none."""
    folder = os.environ.get("TANDEM_DATA_DIR")
    if not folder or not (Path(folder) / "MNIST" / "raw").is_dir():
        pytest.skip("TANDEM_DATA_DIR does not name a folder with MNIST/raw")
    return Path(folder)


def write_mnist(
    folder: Path, num_train: int, num_val: int, max_label: int = 9, seed: int = 0
) -> None:
    """Random images and labels (the last one ``max_label``) in MNIST's own file format."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for part, count in (("train", num_train), ("t10k", num_val)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        labels[-1] = max_label
        header = b"".join(n.to_bytes(4, "big") for n in (0x803, count, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = b"".join(n.to_bytes(4, "big") for n in (0x801, count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def mnist_files(folder: Path) -> tuple[Path, ...]:
    """Images and labels to train with, then to validate with."""
    return source_files(parse_source({"name": "MNIST"}), Folders(folder, ()))
