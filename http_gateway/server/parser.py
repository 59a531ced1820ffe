"""Parses a request while it arrives."""

from __future__ import annotations

from copy import copy
from http import HTTPStatus
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest

from http_gateway.server.upload_door import RequestHead, UploadDoor
from http_gateway.server.wire_errors import EarlyRefusal


class Parser(HTTPRequestParser):
    """Refuses what waitress's parser stumbles over, such as a length of thousands of digits or a
    full disk. ``door`` has the rules for uploads."""

    adj: Any

    def __init__(self, adj: Any, door: UploadDoor | None = None) -> None:
        super().__init__(adj)
        self._door = door

    def received(self, data: bytes) -> int:
        """How many of the bytes belong to this request."""
        try:
            num_bytes: int = super().received(data)
        except ValueError as error:
            num_bytes = len(data)
            self.error = BadRequest(f"{error}")
        except OSError as error:
            num_bytes = len(data)
            self.error = EarlyRefusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"The request's body can't be kept on the disk ({error.strerror}): free some space "
                "on the gateway's host, and send it again",
            )
        if self.error is not None:
            # A client that asks whether to go on must not be told to.
            self.completed, self.expect_continue = True, False
        return num_bytes

    def parse_header(self, header_plus: bytes) -> None:
        """Also decides where the body goes."""
        super().parse_header(header_plus)
        name = None if self._door is None else self._door.name_in(self.command, self.path)
        if self._door is None or name is None or self.body_rcv is None:
            return
        self.adj = copy(self.adj)  # what waitress refuses is decided below, but for chunks
        self.adj.max_request_body_size = max(self._door.max_bytes, self.content_length) + 1
        head = RequestHead(self.query, self.headers, self.content_length)
        self.error = self._door.refusal(head, name)
        if self.error is None:
            self.body_rcv.buf = self._door.buffer()
