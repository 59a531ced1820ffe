"""Makes photos of two kinds from MNIST: many of some classes, and a few of others.

    python -m benchmarks.photos DATA_DIR [OUT]

``DATA_DIR`` has ``MNIST/raw``. A photo is 64 pixels wide: a digit in some colour, of some size,
somewhere on noise of another colour. Those of seven digits are in ``OUT/photos/many``, those of
1, 6 and 8 in ``OUT/photos/few``, in a folder for each class. ``OUT`` is ``DATA_DIR`` by default.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from actors.core.folders import Folders
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.samples import Samples, Split
from benchmarks.command import run

PHOTOS = "photos"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
OF_MANY, OF_FEW = (0, 2, 3, 4, 5, 7, 9), (1, 6, 8)
NUM_MANY, NUM_FEW, NUM_VAL = 700, 100, 100  # of each class
SIDE, MIN_DIGIT_SIDE, MAX_DIGIT_SIDE = 64, 36, 56


def write_photos(samples: Samples, root: Path) -> int:
    """``root/many/train/<class>/<index>.jpg`` and so on; returns how many."""
    rng = np.random.default_rng(0)
    return sum(
        _write_classes(split, root / kind / part, digits, count, rng)
        for kind, digits, num_train in (("many", OF_MANY, NUM_MANY), ("few", OF_FEW, NUM_FEW))
        for part, split, count in (
            ("train", samples.train, num_train),
            ("val", samples.val, NUM_VAL),
        )
    )


def _write_classes(
    split: Split, folder: Path, digits: Sequence[int], count: int, rng: np.random.Generator
) -> int:
    """The first ``count`` images of each digit; returns how many there were."""
    written = 0
    for digit in digits:
        own = folder / NAMES[digit]
        own.mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(split.targets == digit)[:count]:
            _photo(split.inputs[index, 0], rng).save(own / f"{index:05}.jpg", quality=90)
            written += 1
    return written


def _photo(digit: Any, rng: np.random.Generator) -> Image.Image:
    """``digit`` is uint8 ``[28, 28]``, the ink 255."""
    side = int(rng.integers(MIN_DIGIT_SIDE, MAX_DIGIT_SIDE + 1))
    top, left = rng.integers(0, SIDE - side + 1, 2)
    mask = np.zeros((SIDE, SIDE, 1))
    resized = Image.fromarray(digit).resize((side, side), Image.Resampling.BILINEAR)
    mask[top : top + side, left : left + side, 0] = np.asarray(resized) / 255
    ground, ink = rng.uniform(0, 110, 3), rng.uniform(130, 255, 3)
    noise = rng.normal(0, 20, (SIDE, SIDE, 3))
    pixels = np.clip(ground * (1 - mask) + ink * mask + noise, 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with MNIST/raw")
    parser.add_argument("out", type=Path, nargs="?", help="where to write (default: DATA)")
    given = parser.parse_args()
    root: Path = (given.out or given.data) / PHOTOS
    samples = read_source(parse_source({"name": "MNIST"}), Folders(given.data, (given.data,)))
    print(f"{write_photos(samples, root):,} photos in {root}")


if __name__ == "__main__":
    run(main)
