"""The page on models names every kind and every argument that there is, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import actors.core.architectures as _architectures  # noqa: F401 - fills the registry
from actors.core.architectures.registry import ARCHITECTURES
from actors.core.model.registry import KINDS

PAGE = Path("docs/models.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """By each name in the first column, the second one."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    cells = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    return {name: row[2] for row in cells for name in re.findall(r"`(\w+)`", row[1])}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_every_kind_of_layer_is_there_with_its_arguments() -> None:
    told = rows("| kind | arguments")
    assert set(told) == set(KINDS)
    for name, kind in KINDS.items():
        assert set(kind.fields) <= words(told[name]), name


def test_every_architecture_is_there_with_its_fields() -> None:
    told = rows("| architecture |")
    assert set(told) == set(ARCHITECTURES)
    for name, architecture in ARCHITECTURES.items():
        assert set(architecture.fields) <= words(told[name]), name
