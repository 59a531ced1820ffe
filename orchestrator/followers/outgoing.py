"""Requests to tools elsewhere: the only place below the gateway that speaks HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

CONNECT_S, ANSWER_S = 5.0, 15.0
MAX_ANSWER_CHARS = 200


class NotTaken(Exception):
    """The other side was not reached, or refused; ``status`` is None where it was not reached."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text, status)
        self.text = text
        self.status = status


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises ``NotTaken`` unless the answer is of success. It follows no redirect."""
    answer = _request("POST", url, data=body, headers=dict(headers))
    answer.close()


def call_json(method: str, url: str, **arguments: Any) -> dict[str, Any]:
    """The answer's JSON object; raises ``NotTaken``."""
    answer = _request(method, url, **arguments)
    try:
        found = answer.json()
    except ValueError as error:
        raise NotTaken(f"{shown_host(url)} answers with something that is no JSON") from error
    if not isinstance(found, dict):
        raise NotTaken(f"{shown_host(url)} answers with JSON that is no object")
    return found


def shown_host(url: str) -> str:
    """What texts may show of an address: its path and its user may hold a secret."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _request(method: str, url: str, **arguments: Any) -> requests.Response:
    timeout = (CONNECT_S, ANSWER_S)
    try:
        answer = requests.request(method, url, timeout=timeout, allow_redirects=False, **arguments)
    except requests.RequestException as error:
        # requests' own text has the whole address.
        raise NotTaken(f"{shown_host(url)} can't be reached ({type(error).__name__})") from error
    if not 200 <= answer.status_code < 300:
        said = " ".join(answer.text.split())[:MAX_ANSWER_CHARS]
        text = f"{shown_host(url)} answers {answer.status_code}" + (f": {said}" if said else "")
        raise NotTaken(text, answer.status_code)
    return answer
