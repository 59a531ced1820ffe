"""A lane a device: what its time goes into, in colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from http_gateway.cli.showing.tables import device_rows

WIDTH = 30
PARTS = {
    "computing_s": ("█", "green", "computing"),
    "loading_s": ("▓", "cyan", "loading"),
    "updating_s": ("▒", "blue", "updating"),
    "wire_s": ("=", "magenta", "on the wire"),
    "waiting_s": ("·", "dim", "waiting"),
}
MIB = 2**20

Stats = Mapping[str, Any]


class Lanes:
    """Shows what the devices did since the look before; at first, since the session began."""

    def __init__(self) -> None:
        self._before: dict[int, Stats] = {}

    def table(self, job: Mapping[str, Any]) -> Table:
        """Of a job's details; ``key`` tells what the signs stand for."""
        table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
        for row in device_rows(dict(job)):
            before = self._before.get(row["device_id"])
            self._before[row["device_id"]] = row
            start, end = row["layers"]
            where = f"{row['device_id']}: {row['ip']}:{row['port']}"
            table.add_row(where, f"[{start}, {end})", lane(row, before), figures(row))
        return table


def key() -> Text:
    """The signs and what they stand for."""
    words = [(f"{sign} {name}  ", style) for sign, style, name in PARTS.values()]
    return Text.assemble(*words)


def lane(now: Stats, before: Stats | None) -> Text:
    """Shares of the time since ``before``, in which a session may have begun anew."""
    spent = {part: now.get(part, 0.0) - (before or {}).get(part, 0.0) for part in PARTS}
    if min(spent.values()) < 0 or sum(spent.values()) <= 0:
        spent = {part: now.get(part, 0.0) for part in PARTS}
    total = sum(spent.values())
    text, done, drawn = Text(), 0.0, 0
    for part, (sign, style, _) in PARTS.items():
        done += spent[part]
        end = round(WIDTH * done / total) if total > 0 else 0
        text.append(sign * (end - drawn), style)
        drawn = end
    return text


def figures(stats: Stats) -> str:
    """TFLOPs and the share of the best rate, memory, power; what nobody tells is left out."""
    told = [f"{stats['total_tflops']:.4f} TFLOPs"]
    if stats.get("peak_share") is not None:
        told.append(f"{stats['peak_share']:.0%} of peak")
    if stats.get("memory_bytes") is not None:
        told.append(f"{stats['memory_bytes'] / MIB:,.0f} MiB")
    if stats.get("power_w") is not None:
        told.append(f"{stats['power_w']:.0f} W")
    return ", ".join(told)
