"""Decides which uploads are refused before they arrive, and where the others are kept.

The HTTP server reads the whole body before the application sees the request. So an upload that the
headers alone rule out is refused here. The body of any other goes to a file without a name in the
storage path, which is gone when the connection ends.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from waitress.buffers import FileBasedBuffer
from werkzeug.http import parse_cookie

from actors.core.errors import Conflict, TandemError
from actors.core.units import size_text
from http_gateway.access.access_control import is_signed_in
from http_gateway.access.auth import refuse_credentials, refuse_web_page
from http_gateway.access.page_session import PAGE_HEADER, refuse_sender
from http_gateway.operations.operation import PATH_NAME, Operation
from http_gateway.schemas.parameters import DATASET_NAME
from http_gateway.server.wire_errors import EarlyRefusal
from orchestrator.uploads.upload_store import UploadStore
from orchestrator.uploads.written_files import RESERVE_BYTES, check_room, free_bytes

MARK = PAGE_HEADER.upper().replace("-", "_")
"""The header of the gateway's own page, as WSGI calls it."""
LOOK_BYTES = 16 * 2**20
"""The most bytes between two looks at the free space."""


@dataclass(frozen=True)
class RequestHead:
    """What the headers say of an upload. Their names are WSGI's, without HTTP_."""

    query: str
    headers: Mapping[str, str]
    num_bytes: int
    """The length of the body, 0 if it isn't known yet."""


class UploadDoor:
    """Guards the ``operations`` that take files, of up to ``max_bytes``. ``token`` is the
    gateway's."""

    def __init__(
        self,
        store: UploadStore,
        operations: Sequence[Operation],
        max_bytes: int,
        token: str | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self._store = store
        self._token = token
        self._others = {(o.method, o.path) for o in operations}
        self._paths = [
            (o.method, re.compile(PATH_NAME.sub(f"({DATASET_NAME.pattern})", o.path)))
            for o in operations
            if o.takes_file
        ]

    def name_in(self, method: str, path: str) -> str | None:
        """The name of the data set that a request uploads, or None if it is no upload."""
        if (method, path) in self._others:
            return None
        found = (own.fullmatch(path) for taken, own in self._paths if taken == method)
        return next((match[1] for match in found if match), None)

    def refusal(self, head: RequestHead, name: str) -> EarlyRefusal | None:
        """The answer to an upload that is refused unread, or None if it may come in."""
        if (refused := self._refused_access(head.headers)) is not None:
            return refused
        if head.num_bytes > self.max_bytes:
            return EarlyRefusal(
                413,
                f"The upload has {size_text(head.num_bytes)}, but may have at most "
                f"{size_text(self.max_bytes)}: upload less, or set max_upload_bytes",
            )
        try:
            self._store.check_name(name, "true" in parse_qs(head.query).get("replace", []))
            check_room(self._store.folder(), head.num_bytes)
        except TandemError as error:
            return EarlyRefusal(409 if isinstance(error, Conflict) else 503, error.message)
        return None

    def buffer(self) -> FileBasedBuffer:
        """A buffer for a body. Raises ``OSError``."""
        return _ArrivingBody(self._store.folder())

    def _refused_access(self, headers: Mapping[str, str]) -> EarlyRefusal | None:
        host, origin = headers.get("HOST"), headers.get("ORIGIN")
        site = headers.get("SEC_FETCH_SITE")
        if self._token is None:
            why = refuse_web_page(host, origin, site)
        elif "AUTHORIZATION" not in headers and self._has_session(headers):
            why = refuse_sender("POST", host, origin, site, MARK in headers)
        else:
            why = refuse_credentials(headers.get("AUTHORIZATION"), self._token)
            return None if why is None else EarlyRefusal(401, why)
        return None if why is None else EarlyRefusal(403, why)

    def _has_session(self, headers: Mapping[str, str]) -> bool:
        """Whether the page's browser has signed in."""
        assert self._token is not None
        cookies = parse_cookie(headers.get("COOKIE"))
        return is_signed_in(cookies, headers.get("HOST", ""), self._token)


class _ArrivingBody(FileBasedBuffer):
    """A body in a file without a name. It leaves some space on the disk free."""

    def __init__(self, folder: Path) -> None:
        super().__init__(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - it is closed later
        self._folder = folder
        self._next_look = 0

    def append(self, data: bytes) -> None:
        """Raises ``OSError``."""
        if self.remain >= self._next_look:
            self._next_look = self.remain + LOOK_BYTES
            if free_bytes(self._folder) < RESERVE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))
        super().append(data)
