"""Checks the gateway's token in each request or, without a token, keeps foreign web pages out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from flask import Flask, Response, request

from http_gateway.access.auth import refuse_credentials, refuse_web_page
from http_gateway.access.page_session import (
    PAGE_HEADER,
    cookie_name,
    is_session,
    make_session,
    refuse_sender,
)
from http_gateway.errors import error_response

# Public besides some operations: the documentation and the files of the page, for a browser, which
# can't send the header with an address. They have nothing of the user's.
DOCUMENTATION = {"docs", "openapi_document"}
PUBLIC_BLUEPRINTS = {"openapi", "page", "swagger"}
SESSION_BLUEPRINT = "session"
"""Its routes begin and end sessions, so they look at token and sender themselves."""


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
        if is_public or (request.blueprint == SESSION_BLUEPRINT and request.method != "OPTIONS"):
            return None
        return _refuse_stranger(token)

    app.before_request(refuse)
    app.after_request(_harden)


def has_session(token: str) -> bool:
    """Whether this request's cookie is that of a browser that signed in."""
    return is_signed_in(request.cookies, request.host, token)


def is_signed_in(cookies: Mapping[str, str], host: str, token: str) -> bool:
    """Whether one of the ``cookies`` is that of a session with the gateway at ``host``."""
    return is_session(cookies.get(cookie_name(host)), token, time.time())


def new_session(token: str) -> str:
    """The cookie's value for a browser that signs in now."""
    return make_session(token, time.time())


def refuse_other_page() -> Response | None:
    """Unless this request may use a session, or begin one."""
    headers = request.headers
    reason = refuse_sender(
        request.method,
        headers.get("Host"),
        headers.get("Origin"),
        headers.get("Sec-Fetch-Site"),
        PAGE_HEADER in headers,
    )
    return None if reason is None else error_response(reason, 403)


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
    credentials = request.headers.get("Authorization")
    if credentials is None and has_session(token):
        return refuse_other_page()
    reason = refuse_credentials(credentials, token)
    return None if reason is None else unauthorized(reason)


def unauthorized(reason: str) -> Response:
    """401, and what would have been accepted."""
    response = error_response(reason, 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _harden(response: Response) -> Response:
    """A foreign page could lay one of ours under its own and have its buttons clicked; and no
    answer is to be taken for a page because of what is in it."""
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
