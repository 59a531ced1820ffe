"""What the library leaves out of /openapi.json."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from http_gateway.operations.idempotency import KEY_HEADER, REPLAYED_HEADER, VISIBLE_ASCII
from http_gateway.operations.operation import PATH_NAME, Operation

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "A name for this request, such as a new UUID. Sent again under it, the request "
    f"is not done again: the first answer comes back, with {REPLAYED_HEADER}: true. 409 while the "
    "first one is under way, 400 for another request under the same key. Errors are not kept.",
    "schema": {"type": "string", "pattern": f"^{VISIBLE_ASCII.pattern}$"},
}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token that the gateway was started with.",
}


def complete_document(
    document: dict[str, Any], operations: Iterable[Operation], *, asks_for_token: bool
) -> None:
    """Adds who may call, the header that each POST takes, and further forms of answers."""
    document["components"].pop("securitySchemes", None)
    if asks_for_token:
        document["components"]["securitySchemes"] = {"token": TOKEN}
        document["security"] = [{"token": []}]
    for item in document["paths"].values():
        if "post" in item:
            item["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    for operation in operations:
        path = PATH_NAME.sub(r"{\1}", operation.path)
        answer = document["paths"][path][operation.method.lower()]["responses"]
        for media_type in operation.also:
            answer[str(operation.status)]["content"][media_type] = {"schema": {"type": "string"}}
