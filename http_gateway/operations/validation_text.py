"""Puts a validation error in one sentence that names field, value, limit and remedy."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from actors.core.fields import did_you_mean

MAX_ERRORS = 3
MAX_VALUE_CHARS = 60
WHOLE_SENTENCES = ("required_together", "exactly_one")
OWN_WORDS = ("choice", "ip")
FIELDS_LIST = re.compile(r"; it has: [a-z0-9_, ]+")


def validation_text(
    error: ValidationError,
    model: type[BaseModel],
    whole: str = "the request",
    line_of: Callable[[Sequence[str | int]], int | None] = lambda _: None,
    meant: Callable[[Any, dict[str, Any]], str | None] = lambda *_: None,
) -> str:
    """At most three of the errors, as sentences; ``whole`` is what the outermost fields are of.

    ``line_of`` tells in which line of a file a field stands, and ``meant`` what a value stands for
    that is not what its JSON schema asks for; each is None where that is not known.
    """
    schema = model.model_json_schema()
    items = error.errors(include_url=False)
    sentences = [
        _in_line(line_of(item["loc"]), _sentence(item, schema, whole, meant))
        for item in items[:MAX_ERRORS]
    ]
    return "; ".join(_each_list_once(sentences))


def _each_list_once(sentences: Sequence[str]) -> list[str]:
    """Several unknown fields of one object are told once what it has."""
    told: set[str] = set()
    shortened = []
    for sentence in sentences:
        found = FIELDS_LIST.search(sentence)
        if found is not None and found.group() in told:
            sentence = sentence.replace(found.group(), "")
        elif found is not None:
            told.add(found.group())
        shortened.append(sentence)
    return shortened


def _in_line(line: int | None, sentence: str) -> str:
    return sentence if line is None else f"line {line}: {sentence}"


def _sentence(
    item: Any,
    schema: dict[str, Any],
    whole: str,
    meant: Callable[[Any, dict[str, Any]], str | None],
) -> str:
    kind, path, value = item["type"], item["loc"], item["input"]
    name = _name(path)
    node = _node(schema, path, schema)
    if kind in WHOLE_SENTENCES:
        return str(item["msg"])
    if kind == "missing":
        return f"{name} is missing: it must be {_allowed(node)}"
    if kind == "string_unicode" and "properties" in node:  # a name, not a value
        return _unknown_field((*path, value), node, whole)
    if kind == "extra_forbidden":
        return _unknown_field(path, _node(schema, path[:-1], schema), whole)
    if kind in ("too_short", "too_long"):
        return f"{name} has {len(value)} entries, but must be {_allowed(node)}"
    if kind in OWN_WORDS:
        return f"{name} is {_shown(value)}, but must be {item['msg']}"
    guess = meant(value, node)
    hint = "" if guess is None else f"; did you mean {guess}?"
    return f"{name} is {_shown(value)}, but must be {_allowed(node)}{hint}"


def _unknown_field(path: Sequence[str | int], parent: dict[str, Any], whole: str) -> str:
    known = list(parent.get("properties", {}))
    owner = _name(path[:-1]) or whole
    field = shorten(str(path[-1]))  # before it is compared, which takes long for a long one
    hint = did_you_mean(field, known)
    if field.partition(":")[0] in known:
        hint = f'; did you mean "{field.replace(":", ": ", 1)}", with a space after the colon?'
    has = f"it has: {', '.join(known)}" if known else "it takes no fields"
    return f'{owner} has no field "{field}"; {has}{hint}'


def _name(path: Sequence[str | int]) -> str:
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name


def _node(node: dict[str, Any], path: Sequence[str | int], root: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of what ``path`` names; an empty one where nothing is known."""
    node = _resolved(node, root)
    for part in path:
        child = node.get("items") if isinstance(part, int) else _property(node, part)
        node = _resolved(child or {}, root)
    return node


def _property(node: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The one of that name, or what any name stands for."""
    found: Any = node.get("properties", {}).get(name) or node.get("additionalProperties")
    return found if isinstance(found, dict) else None


def _resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
    if options:
        node = {**node, **options[0]}
    if "$ref" in node:
        found: dict[str, Any] = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return found
    return node


def _allowed(node: dict[str, Any]) -> str:
    """What a JSON schema node allows, in words."""
    if "enum" in node:
        return "one of " + ", ".join(repr(option) for option in node["enum"])
    kind = node.get("type", "")
    if kind == "array":
        return _allowed_array(node)
    if kind == "object" and "properties" in node:
        return f"an object with {', '.join(node['properties'])}"
    return _NOUNS.get(kind, "valid") + _range(node)


def _allowed_array(node: dict[str, Any]) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    if high is None:
        return "a list"
    if low is None:
        return f"a list of at most {high} entries"
    count = f"exactly {low}" if low == high else f"{low} to {high}"
    return f"a list of {count} {'entry' if low == high == 1 else 'entries'}"


def _range(node: dict[str, Any]) -> str:
    low, high, above = (node.get(k) for k in ("minimum", "maximum", "exclusiveMinimum"))
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if above is not None and high is not None:
        return f" above {above}, at most {high}"
    if above is not None:
        return f" above {above}"
    if "maxLength" in node:
        return f" of at most {node['maxLength']} characters"
    return ""


class _JsonRepr(reprlib.Repr):
    """Looks at no more of a value than is shown, however large or deep; writes it as JSON does."""

    def repr_bool(self, value: bool, level: int) -> str:
        return "true" if value else "false"

    def repr_NoneType(self, value: None, level: int) -> str:
        return "null"


_LIMITED = _JsonRepr()
_LIMITED.maxlevel = 3
_LIMITED.maxlist = _LIMITED.maxdict = 20
_LIMITED.maxstring = _LIMITED.maxlong = 3 * MAX_VALUE_CHARS  # of which it keeps both ends

_NOUNS = {
    "integer": "an integer",
    "number": "a finite number",
    "string": "a string",
    "boolean": "true or false",
    "object": "an object",
}


def _shown(value: Any) -> str:
    return shorten(_LIMITED.repr(value))


def shorten(text: str, max_chars: int = MAX_VALUE_CHARS) -> str:
    """The text, or its beginning with "…" for the rest."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
