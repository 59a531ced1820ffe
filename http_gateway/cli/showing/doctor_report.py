"""A report of the doctor as tables and lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "ok": ("✓", "green")}
UNKNOWN = "–"
GIB = 2**30


def report_parts(report: dict[str, Any]) -> Iterator[Table | Text | str]:
    """The nodes, the links, the findings in their order, and what follows from them."""
    if report["nodes"]:
        yield _node_table(report["nodes"])
    if report["links"]:
        yield _link_table(report["links"])
    for finding in report["findings"]:
        yield from _finding_lines(finding)
    yield ""
    yield _conclusion(report)


def _node_table(nodes: list[dict[str, Any]]) -> Table:
    table = _table(
        "node", "host", "python", "ray", "torch", "memory", "disk", "store", "torch sees"
    )
    for node in nodes:
        versions = node["versions"] or {}
        seen = node["accelerators"]
        table.add_row(
            node["node"],
            node["host_name"],
            *(versions.get(name) or UNKNOWN for name in ("python", "ray", "torch")),
            _gib(node["available_memory_bytes"]),
            _gib(node["free_disk_bytes"]),
            _gib(node["object_store_bytes"]),
            UNKNOWN if seen is None else ", ".join(seen) or "CPU",
        )
    return table


def _link_table(links: list[dict[str, Any]]) -> Table:
    table = _table("from", "to", "round trip", "MB/s")
    for link in links:
        round_trip_s, bytes_per_s = link["round_trip_s"], link["bytes_per_s"]
        table.add_row(
            link["from"],
            link["to"],
            UNKNOWN if round_trip_s is None else f"{round_trip_s * 1e3:.1f} ms",
            UNKNOWN if bytes_per_s is None else f"{bytes_per_s / 1e6:.0f}",
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _finding_lines(finding: dict[str, Any]) -> Iterator[Text | str]:
    """The remedy has a line of its own, unwrapped, so that it can be copied."""
    mark, colour = MARKS[finding["level"]]
    yield Text.assemble((f"{mark} {finding['level']:<8}", colour), finding["text"])
    if finding["remedy"] is not None:
        where = finding["node"] or "the gateway's host"
        yield f"            on {where}: {finding['remedy']}"


def _conclusion(report: dict[str, Any]) -> str:
    num = {level: sum(f["level"] == level for f in report["findings"]) for level in MARKS}
    counted = f"{_counted(num['error'], 'error')}, {_counted(num['warning'], 'warning')}"
    if not report["checked_nodes"]:
        return f"Looked at this host alone: {counted}."
    verdict = "fit to train" if report["ok"] else "not fit to train"
    return f"The cluster is {verdict}: {counted}."


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _gib(num_bytes: int | None) -> str:
    return UNKNOWN if num_bytes is None else f"{num_bytes / GIB:.1f} GiB"
