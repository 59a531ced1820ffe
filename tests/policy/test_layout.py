"""The rules for files, functions and packages."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("actors", "orchestrator", "http_gateway")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_ROOM_MODULES = 12
HISTORY = "orchestrator/store/migrations/versions"  # grows with every change of the tables

SHIPPED = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
WRITTEN = SHIPPED + sorted(
    p for room in ("tests", "benchmarks") for p in (ROOT / room).rglob("*.py")
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_and_functions_stay_short() -> None:
    too_long = []
    for path in WRITTEN:
        text = path.read_text()
        if text.count("\n") > MAX_FILE_LINES:
            too_long.append(name(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= MAX_FUNCTION_LINES:
                    too_long.append(f"{name(path)}: {node.name}")
    assert too_long == []


def test_a_room_has_at_most_a_dozen_modules() -> None:
    rooms = Counter(name(path.parent) for path in SHIPPED if path.name != "__init__.py")
    full = {room: count for room, count in rooms.items() if count > MAX_ROOM_MODULES}
    assert full.keys() <= {HISTORY}, full


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for path in SHIPPED:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{name(path)}:{node.lineno}")
    assert {a_class: where for a_class, where in places.items() if len(where) > 1} == {}


def test_setup_lists_every_package() -> None:
    calls = [n for n in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if is_setup(n)]
    (listed,) = [k.value for k in calls[0].keywords if k.arg == "packages"]
    present = {name(path.parent).replace("/", ".") for path in SHIPPED}
    assert sorted(ast.literal_eval(listed)) == sorted(present)
    assert all((ROOT / package.replace(".", "/") / "__init__.py").exists() for package in present)


def is_setup(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", None) == "setup"
