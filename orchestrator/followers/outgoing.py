"""Requests to tools elsewhere: the only place below the gateway that speaks HTTP."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from actors.core.addresses import shown_host

CONNECT_S, ANSWER_S = 5.0, 15.0
MAX_ANSWER_BYTES = 2**16
"""The most that is read of an answer's body. No tool has more to say to these requests."""
MAX_SAID_CHARS = 200
SHORTEST_SECRET = 4
SUCCESS = range(200, 300)


class NotTaken(Exception):
    """The other side was not reached, or refused; ``status`` is None where it was not reached."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text, status)
        self.text = text
        self.status = status


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Sends the body. Raises ``NotTaken`` unless the answer is a success. Follows no redirect."""
    _request("POST", url, "", reads=False, data=body, headers=dict(headers))


def call_json(method: str, url: str, path: str, **arguments: Any) -> dict[str, Any]:
    """The JSON object that the tool at ``url`` answers for that path; raises ``NotTaken``."""
    body = _request(method, url, path, reads=True, **arguments)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotTaken(f"{shown_host(url)} answers with something that is no JSON") from error
    if not isinstance(found, dict):
        raise NotTaken(f"{shown_host(url)} answers with JSON that is no object")
    return found


def _request(method: str, url: str, path: str, reads: bool, **arguments: Any) -> bytes:
    """The answer's body; of an answer of success only if it ``reads`` that."""
    try:
        with requests.request(
            method,
            url + path,
            timeout=(CONNECT_S, ANSWER_S),
            allow_redirects=False,
            stream=True,
            **arguments,
        ) as answer:
            status = answer.status_code
            body = _body(answer) if reads or status not in SUCCESS else b""
    except requests.RequestException as error:
        # requests' own text has the whole address.
        raise NotTaken(f"{shown_host(url)} can't be reached ({type(error).__name__})") from error
    if status not in SUCCESS:
        raise NotTaken(f"{shown_host(url)} answers {status}{_said(body, url)}", status)
    return body


def _body(answer: requests.Response) -> bytes:
    """Its beginning: an answer may have no end, or come a byte a second. It is read byte
    by byte, because requests waits until a larger piece is whole."""
    deadline = time.monotonic() + ANSWER_S
    body = bytearray()
    for byte in answer.iter_content(1):
        body += byte
        if len(body) >= MAX_ANSWER_BYTES or time.monotonic() > deadline:
            break
    return bytes(body)


def _said(body: bytes, url: str) -> str:
    """What may be shown of the body: many servers repeat the path, in which the secret is."""
    text = " ".join(body.decode(errors="replace").split())
    if not text or any(secret in text for secret in _secrets(url)):
        return ""
    return f": {text[:MAX_SAID_CHARS]}"


def _secrets(url: str) -> list[str]:
    """The pieces of the address that are not shown."""
    parts = urlsplit(url)
    user = f"{parts.username or ''}&{parts.password or ''}"
    pieces = re.split("[/&=]", f"{parts.path}&{parts.query}&{user}")
    long = [piece for piece in pieces if len(piece) >= SHORTEST_SECRET]
    return [*long, *map(unquote, long)]
