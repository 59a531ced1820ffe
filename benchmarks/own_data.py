"""Makes files as a user might have them of data that is at hand: MNIST as PNG files in folders,
and a table of tumours with text and gaps.

    python -m benchmarks.own_data DATA_DIR [OUT]

``DATA_DIR`` has ``MNIST/raw``; the files are written to ``OUT``, by default ``DATA_DIR``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_breast_cancer

from actors.core.folders import Folders
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.samples import Split
from benchmarks.command import run

PNGS = "mnist_png"
TABLE = "tumours.csv"
GAP_SHARE = 0.05
SIZES = ("small", "medium", "large")


def write_pngs(data: Path, root: Path) -> int:
    """``root/train/<digit>/<index>.png`` and ``root/val/…``; returns how many."""
    samples = read_source(parse_source({"name": "MNIST"}), Folders(data, (data,)))
    return sum(
        _write_split(split, root / part)
        for part, split in (("train", samples.train), ("val", samples.val))
    )


def _write_split(split: Split, folder: Path) -> int:
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
    for index, (image, digit) in enumerate(zip(split.inputs, split.targets, strict=True)):
        Image.fromarray(image[0]).save(folder / str(digit) / f"{index:05}.png")
    return len(split.inputs)


def write_table(path: Path, seed: int = 0) -> None:
    """scikit-learn's 569 tumours by 30 measures. The first two measures become text, and one cell
    in twenty is empty."""
    bunch = load_breast_cancer()
    rng = np.random.default_rng(seed)
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    columns: list[list[str]] = [[f"{value:.6g}" for value in own] for own in bunch.data.T]
    for i in (0, 1):
        bounds = np.quantile(bunch.data[:, i], [1 / 3, 2 / 3])
        columns[i] = [SIZES[place] for place in np.searchsorted(bounds, bunch.data[:, i])]
    gaps = rng.random(bunch.data.T.shape) < GAP_SHARE
    kinds = [str(bunch.target_names[target]) for target in bunch.target]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "diagnosis"])
        for row, kind in enumerate(kinds):
            cells = ["" if gaps[i, row] else own[row] for i, own in enumerate(columns)]
            writer.writerow([*cells, kind])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with MNIST/raw")
    parser.add_argument("out", type=Path, nargs="?", help="where to write (default: DATA)")
    given = parser.parse_args()
    out: Path = given.out or given.data
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / TABLE)
    count = write_pngs(given.data, out / PNGS)
    print(f"{count:,} images in {out / PNGS}; a table in {out / TABLE}")


if __name__ == "__main__":
    run(main)
