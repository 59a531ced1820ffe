"""Python source of classes and functions, with all that it refers to."""

from __future__ import annotations

import ast
import dis
import inspect
import re
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

from torch import nn

from actors.core.errors import InvalidRequest

LIBRARIES = frozenset({"torch", "torchvision", "numpy"}) | sys.stdlib_module_names
"""What the source may import. All else that it refers to becomes part of it."""
_FOR_CHECKERS = re.compile(r"  # (type: ignore|noqa).*")
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


class SourceCode:
    """Collects definitions that stand in one module then. ``imports`` are lines; ``texts`` are
    definitions, each after those that it refers to.

    Annotations are not looked at: the module needs ``from __future__ import annotations``.
    """

    def __init__(self) -> None:
        self._imports: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._known: dict[str, Any] = {}

    @property
    def imports(self) -> list[str]:
        return sorted(set(self._imports.values()))

    @property
    def texts(self) -> list[str]:
        return list(self._texts.values())

    def add(self, thing: Any) -> str:
        """The expression by which the module has that class or function. Raises ``InvalidRequest``
        for one without a source or a name of its own."""
        plain = inspect.unwrap(thing)
        name, module = plain.__name__, sys.modules.get(plain.__module__)
        if getattr(nn, name, None) is plain:
            self._import("nn", nn)
            return f"nn.{name}"
        if module is None or plain.__qualname__ != name or not name.isidentifier():
            raise _refused(f"{plain.__qualname__} is defined within something else")
        if _is_library(module):
            self._take(name, plain)
            self._imports[name] = f"from {module.__name__} import {name}"
            return name
        try:
            text = inspect.getsource(plain)
        except (OSError, TypeError):
            raise _refused(f"there is no source of {name}") from None
        self._define(name, plain, text, module)
        return name

    def _define(self, name: str, value: Any, text: str, module: ModuleType) -> None:
        if not self._take(name, value):
            return
        scope = vars(module)
        for used in sorted(_globals_of(text) & scope.keys() - {name}):
            self._refer(used, scope[used], module)
        self._texts[name] = _FOR_CHECKERS.sub("", text).strip()

    def _refer(self, name: str, value: Any, module: ModuleType) -> None:
        if isinstance(value, ModuleType):
            self._import(name, value)
        elif inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value)):
            known_as = self.add(value)
            if known_as != name:
                raise _refused(f"{module.__name__} has another name for {known_as}")
        else:
            self._define(name, value, *_assigned(name, module))

    def _import(self, name: str, module: ModuleType) -> None:
        if not _is_library(module):
            raise _refused(f"it refers to the whole module {module.__name__}")
        self._take(name, module)
        package, _, last = module.__name__.rpartition(".")
        line = f"from {package} import {last}" if package else f"import {last}"
        self._imports[name] = line if last == name else f"{line} as {name}"

    def _take(self, name: str, value: Any) -> bool:
        """Whether the name is new."""
        if name in self._known and self._known[name] is not value:
            raise _refused(f"there are two things of the name {name}")
        is_new = name not in self._known
        self._known[name] = value
        return is_new


def _is_library(module: ModuleType) -> bool:
    return module.__name__.partition(".")[0] in LIBRARIES


def _globals_of(text: str) -> set[str]:
    """The names that the code looks up in its module, or in Python's own."""
    code = compile(f"from __future__ import annotations\n{text}", "<source>", "exec")
    return {
        str(found.argval)
        for part in _parts(code)
        for found in dis.get_instructions(part)
        if found.opname in _GLOBAL and not str(found.argval).startswith("__")
    }


def _parts(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _parts(const)


def _assigned(name: str, module: ModuleType) -> tuple[str, ModuleType]:
    """The statement that gives a constant its value, and the module that has it."""
    text = inspect.getsource(module)
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and any(own.name == name for own in node.names):
            return _assigned(name, sys.modules[str(node.module)])
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            statement = ast.get_source_segment(text, node)
            assert statement is not None
            return statement, module
    raise _refused(f"{name} of {module.__name__} is no constant")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The model can't be written as plain Python: {why}. Take the format torch_export, which "
        "has what the model computes"
    )
