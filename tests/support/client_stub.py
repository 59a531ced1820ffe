"""Writes ``http_gateway/client_operations.pyi``: the methods of ``TandemClient`` with their types,
from the table of operations.

    python -m tests.support.client_stub
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from http_gateway.client import TandemClient
from http_gateway.live.event_format import MEDIA_TYPE as EVENT_STREAM
from http_gateway.operations.operation import JSON, Operation
from http_gateway.operations.table import OPERATIONS
from tests.support.documents import ROOT

PATH = ROOT / "http_gateway" / "client_operations.pyi"
HEAD = """# Written by `make client` from the table of operations: change that instead.

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from http_gateway.operations.operation import Operation

"""
CLASS = """class ClientOperations:
    def call(
        self,
        operation: Operation,
        *required: Any,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
        **arguments: Any,
    ) -> Any: ...
"""
TYPED = [operation for operation in OPERATIONS if operation.name not in vars(TandemClient)]
"""``TandemClient`` has some methods of its own, which do more than one request."""
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
Node = Mapping[str, Any]


def written() -> str:
    """The file's text, as ruff formats it."""
    answers = _Answers()
    methods = [_method(operation, answers) for operation in TYPED]
    text = "\n".join([HEAD, *answers.texts.values(), CLASS, *methods])
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PATH), "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    return done.stdout


class _Answers:
    """The types of answers, each with those that it refers to before it.

    An answer is a dictionary. A type of its own tells the values of the keys that are declared; it
    stays a ``dict[str, Any]``, which a ``TypedDict`` is not: an epoch has further keys, such as
    ``val_accuracy``.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def of(self, operation: Operation) -> str:
        """What the client's method returns."""
        if operation.media_type != JSON:
            return "bytes"
        if set(operation.also) - {EVENT_STREAM}:
            return "Any"  # text, where another format is asked for
        assert isinstance(operation.response, type)
        schema = operation.response.model_json_schema()
        if operation.result_name is not None:
            return self._type(schema["properties"][operation.result_name], schema)
        if set(schema.get("properties", {})) == {"message"}:
            return "None"
        return self._named(operation.response.__name__, schema, schema)

    def _named(self, name: str, node: Node, root: Node) -> str:
        if not node.get("properties"):
            return self._type(node, root)
        typed = f"{name}Json"
        if typed not in self.texts:
            fields = {key: self._type(own, root) for key, own in node["properties"].items()}
            self.texts[typed] = _dictionary(typed, fields)
        return typed

    def _type(self, node: Node, root: Node) -> str:
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            return self._named(name, root["$defs"][name], root)
        if (plain := _plain(node)) is not None:
            return plain
        if "anyOf" in node:
            return _union([self._type(own, root) for own in node["anyOf"]])
        if node.get("type") == "array":
            return f"list[{self._type(node.get('items', {}), root)}]"
        if node.get("type") == "object":
            values = node.get("additionalProperties")
            is_map = isinstance(values, dict) and values
            return f"dict[str, {self._type(values, root) if is_map else 'Any'}]"
        return "Any"


def _union(types: Sequence[str]) -> str:
    """Where an object or a list may be null, the null is Any: typeshed's way to let those go on who
    know that it is not."""
    known = list(dict.fromkeys(types))
    if "None" in known and any("[" in own or own.endswith("Json") for own in known):
        known = [*(own for own in known if own != "None"), "Any"]
    return " | ".join(known)


def _dictionary(name: str, fields: Mapping[str, str]) -> str:
    keys = [(f"Literal[{key!r}]", own) for key, own in fields.items()]
    lines = [
        f"    @overload\n    def __getitem__(self, key: {key}, /) -> {own}: ..."
        for key, own in [*keys, ("str", "Any")]
    ]
    return "\n".join([f"class {name}(dict[str, Any]):", *lines, ""])


def _plain(node: Node) -> str | None:
    """The type of one value; None of anything else."""
    if "const" in node:
        return f"Literal[{node['const']!r}]"
    if "enum" in node:
        return f"Literal[{', '.join(map(repr, node['enum']))}]"
    return PLAIN.get(str(node.get("type")))


def _method(operation: Operation, answers: _Answers) -> str:
    by_choice = " | None = None" if operation.further_bodies else ""
    needed = [
        f"{name}: {own}{by_choice if name in operation.body_names else ''}"
        for name, own in _arguments(operation, needed=True)
    ]
    others = [f"{name}: {own} | None = None" for name, own in _arguments(operation, needed=False)]
    others += ["idempotency_key: str | None = None"] if operation.method == "POST" else []
    others += ["timeout_s: float | None = None"]
    arguments = ", ".join(["self", *needed, "*", *others])
    return (
        f"    def {operation.name}({arguments}) -> {answers.of(operation)}:\n"
        f"{_docstring(operation.summary)}"
    )


def _docstring(text: str) -> str:
    lines = textwrap.wrap(f'"""{text}."""', 92)
    return textwrap.indent("\n".join(lines), "        ") + "\n"


def _arguments(operation: Operation, needed: bool) -> Iterator[tuple[str, str]]:
    """Of its path, its bodies and its query, with their types. Where it has several bodies, one of
    them is given."""
    bodies = (operation.body, *operation.further_bodies)
    for model in (operation.path_parameters, *bodies, operation.query):
        if model is None:
            continue
        schema = model.model_json_schema()
        for name, node in schema["properties"].items():
            if (name in operation.required_names) == needed:
                yield name, _given(node, schema)
    for form in () if needed else operation.forms:
        yield form.field, "Any"
        options = form.options.model_json_schema()
        yield from ((name, _given(node, options)) for name, node in options["properties"].items())


def _given(node: Node, root: Node) -> str:
    """The type of an argument; None is the same as leaving it out."""
    if "$ref" in node:
        return _given(root["$defs"][node["$ref"].rsplit("/", 1)[1]], root)
    if (plain := _plain(node)) is not None:
        return plain
    if "anyOf" in node:
        options = [_given(own, root) for own in node["anyOf"] if own.get("type") != "null"]
        return " | ".join(dict.fromkeys(options))
    if node.get("type") == "array":
        return f"Sequence[{_given(node.get('items', {}), root)}]"
    if node.get("type") == "object":
        return "Mapping[str, Any]"
    return "Any"


def main() -> None:
    PATH.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
