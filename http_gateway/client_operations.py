"""A client's methods, one for each operation of the table.

``client_operations.pyi`` says their arguments and answers, for editors and type checkers. It is
written from the table by ``make client``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from http_gateway.operations.operation import Operation
from http_gateway.operations.table import OPERATIONS


class ClientOperations:
    """Each method asks for its operation by ``call``."""

    def call(
        self,
        operation: Operation,
        *required: Any,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
        **arguments: Any,
    ) -> Any:
        """The operation's answer."""
        raise NotImplementedError


def _method(operation: Operation) -> Callable[..., Any]:
    def method(client: ClientOperations, *required: Any, **arguments: Any) -> Any:
        return client.call(operation, *required, **arguments)

    method.__name__ = operation.name
    method.__qualname__ = f"{ClientOperations.__name__}.{operation.name}"
    named = [f"{name}=…" for name in operation.optional_names]
    takes = [*operation.required_names, *named]
    method.__doc__ = f"{operation.name}({', '.join(takes)}): {operation.summary}."
    return method


for _operation in OPERATIONS:
    setattr(ClientOperations, _operation.name, _method(_operation))
