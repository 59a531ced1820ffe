"""Signs the page's browser in and out: the token is exchanged for a cookie that scripts can't read.

PUT, not POST: an answer to a POST may be kept under an ``Idempotency-Key``, and a login must not.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from actors.core.errors import InvalidRequest
from http_gateway.access.access_control import (
    SESSION_BLUEPRINT,
    has_session,
    new_session,
    refuse_other_page,
    unauthorized,
)
from http_gateway.access.auth import refuse_credentials
from http_gateway.access.page_session import SESSION_S, cookie_name

PATH = "/session"


def session_routes(token: str | None, ray_address: str | None) -> Blueprint:
    """``ray_address`` is told to those who may use the gateway: other devices join there."""
    routes = Blueprint(SESSION_BLUEPRINT, __name__)

    routes.before_request(refuse_other_page)

    @routes.get(PATH)
    def show() -> dict[str, Any]:
        signed_in = token is None or has_session(token)
        return {
            "needs_token": token is not None,
            "signed_in": signed_in,
            "ray_address": ray_address if signed_in else None,
        }

    @routes.put(PATH)
    def sign_in() -> Response:
        sent = request.get_json().get("token")
        if token is None:
            raise InvalidRequest("This gateway has no token: use it without signing in")
        if not isinstance(sent, str):
            raise InvalidRequest(
                'token is missing: send {"token": "<the token that the gateway was started with>"}'
            )
        reason = refuse_credentials(f"Bearer {sent}", token)
        if reason is not None:
            return unauthorized(reason)
        response = jsonify({"message": "Signed in"})
        _set_cookie(response, new_session(token), SESSION_S)
        return response

    @routes.delete(PATH)
    def sign_out() -> Response:
        response = jsonify({"message": "Signed out"})
        _set_cookie(response, "", 0)
        return response

    return routes


def _set_cookie(response: Response, value: str, max_age_s: int) -> None:
    response.set_cookie(
        cookie_name(request.host),
        value,
        max_age=max_age_s,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    response.headers["Cache-Control"] = "no-store"
