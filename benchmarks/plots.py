"""Bar charts for ``docs/benchmarks.md``."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.report import PAGE

FOLDER = PAGE.parent / "images"


def check_can_plot() -> None:
    """Ends the benchmark, before it has measured for half an hour, if matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit("matplotlib is not installed: run pip install -e '.[bench]' first")


def plot_bars(
    name: str, title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str
) -> Path:
    """A group of bars a label, one of each series; a line at 1. Returns the PNG's path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(max(10.0, 1.5 * len(labels)), 4.5), dpi=110)
    width = 0.8 / len(series)
    for number, (key, values) in enumerate(series.items()):
        places = [i + (number - (len(series) - 1) / 2) * width for i in range(len(labels))]
        axes.bar(places, values, width, label=key)
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    figure.savefig(path)
    pyplot.close(figure)
    return path
