"""What a client raises if the API answers with an error."""

from __future__ import annotations

import requests

from http_gateway.access.auth import TOKEN_VARIABLE


class ApiError(RuntimeError):
    """The API answered with an error: its ``message``, which is a sentence for people, and its
    ``status`` for programs."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)  # so that it can be pickled
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


def error_of(response: requests.Response, url: str) -> ApiError:
    """The error in an answer from ``url``."""
    return ApiError(response.status_code, _error_text(response, url) + _remedy(response))


def _remedy(response: requests.Response) -> str:
    """The remedy that the gateway does not name, because it does not know its caller."""
    if response.status_code != 401:
        return ""
    return f". TandemClient takes the token as token=…, the commands of tandem by {TOKEN_VARIABLE}"


def _error_text(response: requests.Response, url: str) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return (
            f"What answers at {url} is not Tandem's gateway but another server, or a proxy before "
            f"it: it says {response.status_code} {response.reason or ''}".rstrip()
        )
