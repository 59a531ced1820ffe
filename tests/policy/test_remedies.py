"""Each refusal says what to do, or what is allowed."""

from __future__ import annotations

import ast
import re

from actors.core.errors import CallerError
from tests.policy.test_errors import DECLARED, FLOORS, ROOT, load

REFUSALS = {name for name in DECLARED if issubclass(load(name), CallerError)}
REMEDY = re.compile(
    r": |; |\. |\b(must|but|use|needs|at least|which makes|of the form|it (has|takes))\b"
)
"""A further clause or sentence, or the limit or form of what is allowed."""
WITHOUT = {
    "Device not found": "the API's specification has these words",
    "No devices registered": "the same",
    "No previous training sessions found": "the same",
    "there is no ": "the reason why a stored job is broken, which says what can be done",
    "Job {job_id} is broken": "the same",
}
"""How a text begins that needs no remedy -> why."""


def text_of(node: ast.expr) -> str | None:
    """The text with its placeholders; None where the code puts it together from other texts."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return ast.unparse(node)[2:-1]
    return None


def refusals(code: str) -> list[str]:
    """The texts with which the code refuses something."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            name = ast.unparse(node.exc.func).rsplit(".", 1)[-1]
            text = text_of(node.exc.args[0]) if name in REFUSALS else None
            found += [] if text is None else [text]
    return found


def needs_remedy(text: str) -> bool:
    return not REMEDY.search(text) and not text.startswith(tuple(WITHOUT))


def test_a_text_without_a_remedy_is_found() -> None:
    code = 'raise InvalidRequest(f"epochs is {epochs}")'
    assert refusals(code) == ["epochs is {epochs}"] and needs_remedy(refusals(code)[0])
    assert not needs_remedy("epochs is 0, but must be at least 1")


def test_every_refusal_says_what_to_do_or_what_is_allowed() -> None:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    texts = {str(path.relative_to(ROOT)): refusals(path.read_text()) for path in paths}
    assert sum(map(len, texts.values())) > 100
    lacking = {path: [t for t in found if needs_remedy(t)] for path, found in texts.items()}
    assert {path: found for path, found in lacking.items() if found} == {}
