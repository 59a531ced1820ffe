"""Asks each request for the gateway's token, or keeps foreign web pages out where there is none."""

from __future__ import annotations

from flask import Flask, Response, request

from http_gateway.auth import refuse_credentials, refuse_web_page
from http_gateway.errors import error_response

# What needs no token: whether the gateway serves, for what supervises it, and the documentation,
# for the browser of a newcomer, who has no way to send the header along with an address. It holds
# nothing of the user's; its "Authorize" takes the token for the calls it makes.
PUBLIC_ENDPOINTS = {"health.health", "home", "docs", "openapi_document"}
PUBLIC_BLUEPRINTS = {"openapi", "swagger"}


def install_access_control(app: Flask, token: str | None) -> None:
    """Before anything else is looked at; also for paths that there are not."""

    def refuse() -> Response | None:
        return _refuse_foreign_page() if token is None else _refuse_stranger(token)

    app.before_request(refuse)
    app.after_request(_forbid_frames)


def _refuse_foreign_page() -> Response | None:
    headers = request.headers
    opens_page = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == (
        "navigate",
        "document",
    )
    reason = refuse_web_page(
        headers.get("Host"),
        headers.get("Origin"),
        headers.get("Sec-Fetch-Site"),
        opens_page and _is_public(),
    )
    return None if reason is None else error_response(reason, 403)


def _refuse_stranger(token: str) -> Response | None:
    if _is_public():
        return None
    reason = refuse_credentials(request.headers.get("Authorization"), token)
    if reason is None:
        return None
    response = error_response(reason, 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _is_public() -> bool:
    public = request.endpoint in PUBLIC_ENDPOINTS or request.blueprint in PUBLIC_BLUEPRINTS
    return public and request.method in ("GET", "HEAD")


def _forbid_frames(response: Response) -> Response:
    """A foreign page could lay the documentation under its own and have its buttons clicked."""
    response.headers["X-Frame-Options"] = "DENY"
    return response
