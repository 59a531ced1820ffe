from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted([*(ROOT / "actors" / "core").glob("*.py"), *(ROOT / "orchestrator").rglob("*.py")])
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Public classes, functions and methods; what is one statement long says it itself."""
    for child in node.body:
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        if isinstance(child, ast.ClassDef):
            yield from public(child)
        if isinstance(child, ast.ClassDef) or len(child.body) > 1:
            yield child


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_classes_and_functions_have_docstrings(path: Path) -> None:
    missing = [d.name for d in public(ast.parse(path.read_text())) if not ast.get_docstring(d)]
    assert missing == []
