"""The answer to a request that asks for ``text/event-stream``."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Request, Response

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.live.event_format import LAST_EVENT_ID, MEDIA_TYPE, encode_start
from http_gateway.live.event_hub import EventHub
from http_gateway.operations.operation import JSON
from http_gateway.operations.validation_text import shorten
from http_gateway.schemas.parameters import MAX_SEQ
from http_gateway.server.open_response import KEEP_OPEN

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy on the way keeps events back."""


def wants_stream(request: Request) -> bool:
    """Whether the client prefers a stream. One that takes anything gets JSON."""
    best = request.accept_mimetypes.best_match([JSON, MEDIA_TYPE], default=JSON)
    return best == MEDIA_TYPE and request.method == "GET"


def open_stream(
    hub: EventHub,
    request: Request,
    job_id: str | None = None,
    after: int | None = None,
    kinds: str | None = None,
) -> Response:
    """A stream from that ``seq`` on, or from the one that the client has seen last; without either,
    from now on. Raises ``InvalidRequest``, ``Unavailable``, ``NotFound``."""
    keep_open = request.environ.get(KEEP_OPEN)
    if keep_open is None:
        raise Unavailable(
            "This server can't keep an answer open: ask without `Accept: text/event-stream`"
        )
    seen = _last_seen(request)
    wanted: Sequence[str] | None = None if kinds is None else kinds.split(",")
    subscription = hub.subscribe(job_id, wanted, after if seen is None else seen)
    keep_open(subscription)
    begin = encode_start(subscription.seq)
    return Response(iter([begin]), mimetype=MEDIA_TYPE, headers=HEADERS)


def _last_seen(request: Request) -> int | None:
    """The ``seq`` in the header. It counts before ``after``, because a client that comes back asks
    for the same address."""
    text = request.headers.get(LAST_EVENT_ID)
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SEQ))
    if not is_number or int(text) > MAX_SEQ:
        raise InvalidRequest(
            f"{LAST_EVENT_ID} is {shorten(repr(text))}, but must be an integer from 0 to {MAX_SEQ}"
        )
    return int(text)
