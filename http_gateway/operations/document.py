"""What the library leaves out of /openapi.json."""

from __future__ import annotations

from typing import Any

from http_gateway.operations.idempotency import KEY_HEADER, REPLAYED_HEADER, VISIBLE_ASCII

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


def complete_document(document: dict[str, Any], *, asks_for_token: bool) -> None:
    """Adds who may call, and the header that each POST takes."""
    document["components"].pop("securitySchemes", None)
    if asks_for_token:
        document["components"]["securitySchemes"] = {"token": TOKEN}
        document["security"] = [{"token": []}]
    for item in document["paths"].values():
        if "post" in item:
            item["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
