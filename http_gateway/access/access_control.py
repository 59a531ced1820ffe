"""Checks the gateway's token in each request or, without a token, keeps foreign web pages out."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

from http_gateway.access.auth import refuse_credentials, refuse_web_page
from http_gateway.errors import error_response

# Public besides some operations: the documentation, for a newcomer's browser, which can't send the
# header with an address. It has nothing of the user's; its "Authorize" takes the token for the
# calls it makes.
DOCUMENTATION = {"home", "docs", "openapi_document"}
PUBLIC_BLUEPRINTS = {"openapi", "swagger"}


def install_access_control(app: Flask, token: str | None, public: Collection[str]) -> None:
    """Checks before anything else, also for paths that don't exist. ``public`` are the endpoints
    that need no token besides the documentation."""
    public_endpoints = {*DOCUMENTATION, *public}

    def refuse() -> Response | None:
        is_public = request.method in ("GET", "HEAD") and (
            request.endpoint in public_endpoints or request.blueprint in PUBLIC_BLUEPRINTS
        )
        if token is None:
            return _refuse_foreign_page(is_public)
        return None if is_public else _refuse_stranger(token)

    app.before_request(refuse)
    app.after_request(_forbid_frames)


def _refuse_foreign_page(is_public: bool) -> Response | None:
    headers = request.headers
    opens_page = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == (
        "navigate",
        "document",
    )
    reason = refuse_web_page(
        headers.get("Host"),
        headers.get("Origin"),
        headers.get("Sec-Fetch-Site"),
        opens_page and is_public,
    )
    return None if reason is None else error_response(reason, 403)


def _refuse_stranger(token: str) -> Response | None:
    reason = refuse_credentials(request.headers.get("Authorization"), token)
    if reason is None:
        return None
    response = error_response(reason, 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _forbid_frames(response: Response) -> Response:
    """A foreign page could lay the documentation under its own and have its buttons clicked."""
    response.headers["X-Frame-Options"] = "DENY"
    return response
