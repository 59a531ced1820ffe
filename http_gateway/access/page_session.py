"""The session of a browser that signed in: what its cookie holds, and what may use it. Pure.

The cookie does not hold the token, and no script can read it. It is signed with the token, so it
outlives the gateway's process, and ends with the token.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from http_gateway.operations.validation_text import shorten

SESSION_S = 7 * 24 * 3600
PAGE_HEADER = "X-Tandem-Page"
"""A page of another origin can't send it: it would have to be allowed by an answer to OPTIONS."""
READS = ("GET", "HEAD", "OPTIONS")
COOKIE = re.compile(r"(?P<end_s>[1-9][0-9]{0,11})\.(?P<signature>[0-9a-f]{64})")
PORT = re.compile(r":([0-9]{1,5})$")


def cookie_name(host: str) -> str:
    """Browsers share cookies between the ports of a host, and several gateways may run there."""
    port = PORT.search(host)
    return f"tandem_page_{port[1] if port else 'usual'}"


def make_session(token: str, now_s: float) -> str:
    """The cookie's value; ``now_s`` is since 1970."""
    end_s = int(now_s) + SESSION_S
    return f"{end_s}.{_signature(token, end_s)}"


def is_session(value: str | None, token: str, now_s: float) -> bool:
    """Whether it was made with this token and has not ended."""
    parts = COOKIE.fullmatch(value or "")
    if parts is None or now_s >= int(parts["end_s"]):
        return False
    return hmac.compare_digest(parts["signature"], _signature(token, int(parts["end_s"])))


def refuse_sender(
    method: str, host: str | None, origin: str | None, site: str | None, is_marked: bool
) -> str | None:
    """Why a request may not use a session, or begin one: not the gateway's own page sent it.
    ``site`` is its ``Sec-Fetch-Site``; ``is_marked`` one with ``PAGE_HEADER``.

    A browser adds the cookie to whatever any page sends here. ``SameSite`` keeps other sites out,
    but another port of this host is the same site.
    """
    own = {f"{scheme}://{host}".lower() for scheme in ("http", "https")}
    if origin is not None and origin.lower() not in own:
        return (
            f"A session is for the gateway's own page, but {shorten(origin)!r} is another Origin: "
            "send the header `Authorization: Bearer <token>` instead"
        )
    if site not in (None, "same-origin", "none"):
        return (
            "A session is for the gateway's own page, but the Sec-Fetch-Site of this request is "
            f"{shorten(site)!r}: type the address into the browser yourself"
        )
    if method not in READS and not is_marked:
        return (
            f"With a session, {shorten(method)} needs the header {PAGE_HEADER}, which only the "
            "gateway's own page can send: send it with any value"
        )
    return None


def _signature(token: str, end_s: int) -> str:
    text = f"tandem page session until {end_s}"
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()
