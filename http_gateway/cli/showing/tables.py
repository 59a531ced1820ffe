"""Results as tables and texts for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

MAX_EPOCH_ROWS = 12
SHADES = " ░▒▓█"


def epoch_table(history: Sequence[dict[str, Any]]) -> Table:
    """Train loss and validation metrics of every epoch, or of a dozen spread over them."""
    table = Table(title="Epochs", box=box.SIMPLE_HEAD)
    metrics = list(validation_metrics(history[0]))
    names = [f"validation {metric_label(name)}" for name in metrics]
    for name in ("epoch", "train loss", *names, "samples/s"):
        table.add_column(name, justify="right")
    for record in _spread(history, MAX_EPOCH_ROWS):
        values = validation_metrics(record)
        table.add_row(
            str(record["epoch"]),
            f"{record['train_loss']:.4f}",
            *(metric_text(name, values.get(name)) for name in metrics),
            f"{record['samples_per_s']:,.0f}",
        )
    return table


def validation_metrics(record: dict[str, Any]) -> dict[str, float | None]:
    """An epoch's, by name; the loss comes first."""
    found = {n.removeprefix("val_"): v for n, v in record.items() if n.startswith("val_")}
    return {"loss": found.pop("loss"), **found}


def metric_label(name: str) -> str:
    """A metric's name as people read it."""
    return name.replace("_", " ")


def metric_text(name: str, value: float | None) -> str:
    """Shares of what is right as per cent."""
    if value is None:
        return "none"
    return f"{value:.2%}" if name.endswith("accuracy") else f"{value:.4f}"


def device_rows(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Every device that has reported: its address, layers ``[start, end)`` and statistics."""
    stats, layers = job.get("device_stats") or {}, job["layers"]
    keyed = [(str(device["device_id"]), device) for device in job["registered_devices"]]
    return [
        {**device, "layers": layers[key], **stats[key]}
        for key, device in keyed
        if key in stats and key in layers
    ]


def device_table(job: dict[str, Any]) -> Table:
    """Each device's layers, TFLOPs and how it spent its time in training steps."""
    table = Table(
        title="Devices: layers, TFLOPs, share of time", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1)
    )
    for name in ("device", "layers", "forward", "backward", "total", "computing", "waiting"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in device_rows(job):
        start, end = row["layers"]
        total_s = sum(row[part] for part in ("computing_s", "waiting_s", "updating_s")) or 1.0
        table.add_row(
            f"{row['device_id']}: {row['ip']}:{row['port']}",
            f"[{start}, {end})",
            *(f"{row[f'{part}_tflops']:.4f}" for part in ("forward", "backward", "total")),
            *(f"{row[f'{part}_s'] / total_s:.0%}" for part in ("computing", "waiting")),
        )
    return table


def image_text(pixels: Sequence[float], width: int) -> Text:
    """An image of 0..255 in block characters, two columns a pixel."""
    rows = [pixels[i : i + width] for i in range(0, len(pixels), width)]
    return Text("\n".join("".join(_shade(p) * 2 for p in row) for row in rows))


def curl_panel(curls: Sequence[str]) -> Text:
    """The calls, one a line and unwrapped, so that they can be copied."""
    return Text("\n".join(["The same by hand:", *(f"  {curl}" for curl in curls)]))


def _shade(pixel: float) -> str:
    return SHADES[min(int(pixel / 256 * len(SHADES)), len(SHADES) - 1)]


def _spread(items: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(i * last / (most - 1))] for i in range(most)]
