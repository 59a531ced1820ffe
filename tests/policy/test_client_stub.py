"""What editors know of ``TandemClient`` is what the table of operations says."""

from __future__ import annotations

import ast

from tests.support.client_stub import PATH, TYPED, written

HOW = "run `make client` and commit http_gateway/client_operations.pyi"


def test_the_types_of_the_clients_methods_are_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == written(), HOW


def test_there_is_a_typed_method_for_each_operation() -> None:
    (own,) = [
        node
        for node in ast.parse(PATH.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "ClientOperations"
    ]
    methods = {node.name for node in own.body if isinstance(node, ast.FunctionDef)}
    assert methods == {"call", *(operation.name for operation in TYPED)}, HOW
