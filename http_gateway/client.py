"""A client of the REST API; it speaks HTTP and knows nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from actors.core.addresses import is_loopback
from actors.core.patience import patience_s as patience_for
from http_gateway.access.auth import check_token
from http_gateway.api_error import ApiError, error_of
from http_gateway.client_arrays import ClientArrays
from http_gateway.live.event_reader import SILENCE_S, EventReader, Headers
from http_gateway.operations.arguments import arguments_by_name, query_and_body
from http_gateway.operations.operation import (
    ACTOR_START_TIMEOUT_S,
    CALL_TIMEOUT_S,
    JSON,
    PATH_NAME,
    Operation,
)
from http_gateway.operations.table import OPERATIONS
from http_gateway.operations.table.datasets import LIST_DATASETS, UPLOAD_DATASET
from http_gateway.operations.table.health import READY_TIMEOUT_S
from http_gateway.packing import Progress, check_upload, packed
from http_gateway.watched_job import WatchedJob

CONNECT_TIMEOUT_S = 10.0
KEY_HEADER = "Idempotency-Key"
READY_PATIENCE_S = READY_TIMEOUT_S + 1.0
PART_BYTES = 2**20
_GET_MODEL = next(operation for operation in OPERATIONS if operation.name == "get_model")

Answer = TypeVar("Answer")


class _Bearer(requests.auth.AuthBase):
    """Sends the token; as requests' ``auth``, for that drops it where a redirect leads to another
    host, and does not let a ~/.netrc come before it."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class TandemClient(ClientArrays):
    """One method for each operation; each raises ``ApiError``, or requests' own errors of
    connections.

    ``call`` describes the methods' arguments; editors and ``help(TandemClient.train)`` list those
    of one method. Its connections stay open until ``close``, or until the end of
    ``with TandemClient(…)``. ``token`` is the gateway's, if it asks for one; the client reads no
    environment variable. A request repeated with the same ``idempotency_key``, such as a UUID, is
    done once. The default ``timeout_s`` is longer than the gateway lets a request wait, because its
    answer says what is known. It waits longer for operations that take longer.
    """

    def __init__(self, base_url: str, timeout_s: float = 45.0, token: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # No proxy leads to this very host, and ~/.netrc's password for it is not the gateway's.
        self._session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
        if token is not None:
            self._session.auth = _Bearer(check_token(token, "TandemClient"))

    def __enter__(self) -> TandemClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def upload_dataset(
        self,
        name: str,
        path: str | Path,
        *,
        format: str | None = None,
        fields: Mapping[str, Any] | None = None,
        replace: bool = False,
        on_progress: Progress = lambda _: None,
    ) -> dict[str, Any]:
        """What was understood of the file or folder at ``path``, which is sent as it is read.

        ``fields`` are further ones of ``dataset_config``, such as ``target``. ``on_progress`` is
        given the bytes of each block that was sent. Raises ``InvalidRequest`` for files that can't
        be read, and ``ApiError``: what the gateway would refuse anyhow is not sent.
        """
        body = packed(Path(path), on_progress)
        there = self._request("GET", LIST_DATASETS.path, self._timeout_s).json()
        check_upload(name, body, replace, there)
        longest_s = patience_for(len(body), UPLOAD_DATASET.timeout_s)
        settings = [f"{own}={json.dumps(value)}" for own, value in (fields or {}).items()]
        return dict(
            self.call(
                UPLOAD_DATASET,
                name,
                body,
                format=format,
                set=settings,
                replace=replace,
                timeout_s=self._timeout_s + longest_s,
            )
        )

    def call(
        self,
        operation: Operation,
        *required: Any,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
        **arguments: Any,
    ) -> Any:
        """The operation's answer.

        ``required`` are the parameters in its path, then the fields that its body must have, in the
        order of /openapi.json. You can also give these, and all others, by name. An argument that
        is None is left out. Files are a list, each open, or its name and its bytes.
        """
        response = self._ask(operation, required, arguments, timeout_s, idempotency_key)
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        if operation.media_type != JSON or media_type in operation.also:
            return response.content
        return operation.to_result(response.json())

    def save_model(
        self,
        job_id: str,
        path: str | os.PathLike[str],
        *,
        timeout_s: float | None = None,
        **arguments: Any,
    ) -> int:
        """Writes what ``get_model`` returns for these arguments to a file, as it comes; returns its
        bytes. A reader finds the whole file, or what was there before. Raises ``OSError``."""
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        asked = self._ask(_GET_MODEL, (job_id,), arguments, timeout_s, stream=True)
        try:
            with asked as response, partial.open("wb") as file:
                for part in response.iter_content(PART_BYTES):
                    file.write(part)
                size = file.tell()
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return size

    def events(
        self,
        job_id: str | None = None,
        *,
        after: int | None = None,
        kinds: Sequence[str] | None = None,
        patience_s: float = 60.0,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What happens to a job, or to all jobs, as it happens and without an end: entries as
        ``list_events`` has them, after that ``seq`` or from now on, of all kinds or of these.

        After an interruption it goes on where it was. One that lasts for ``patience_s`` is an
        error; ``on_silence`` is called once for each.
        """
        listening = self.listen(job_id, after, kinds, patience_s, on_silence)
        return (entry for entry in listening if entry is not None)

    def listen(
        self,
        job_id: str | None,
        after: int | None,
        kinds: Sequence[str] | None,
        patience_s: float,
        on_silence: Callable[[Exception], None] | None,
    ) -> Iterator[dict[str, Any] | None]:
        """The same, and None for each sign of life in between, the first one at once."""
        job = "" if job_id is None else f"/jobs/{quote(job_id, safe='')}"
        wanted = {"after": after, "kinds": None if kinds is None else ",".join(kinds)}

        def ask(headers: Headers) -> requests.Response:
            sent: Any = {"params": wanted, "headers": headers, "stream": True}
            return self._request("GET", f"/api{job}/events", SILENCE_S, **sent)

        return iter(EventReader(ask, _may_pass, patience_s, on_silence))

    def wait_for(
        self,
        job_id: str,
        statuses: Collection[str],
        timeout_s: float,
        poll_s: float = 0.2,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
        patience_s: float = 0.0,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> dict[str, Any]:
        """The job's details once its status is one of ``statuses``; raises ``TimeoutError``. They
        have the whole history; each poll asks only for new epochs.

        If a gateway does not answer, it is asked again for ``patience_s`` before that is an error.
        ``on_silence`` is called once for each such silence.
        """
        deadline = time.monotonic() + timeout_s
        watched = WatchedJob(lambda **query: self.get_job(job_id, **query))
        while True:
            job = patiently(watched.look, lambda _: patience_s, poll_s, on_silence)
            if on_progress is not None:
                on_progress(job)
            if job["status"] in statuses:
                return job
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is still {job['status']} after {timeout_s:.0f} s")
            time.sleep(poll_s)

    def wait_until_ready(
        self,
        patience_s: Callable[[Exception], float],
        poll_s: float = 0.2,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> None:
        """Waits until ``ready`` answers; otherwise raises its error, after the patience for that
        error."""

        def ask() -> dict[str, Any]:
            return dict(self.ready(timeout_s=READY_PATIENCE_S))

        patiently(ask, patience_s, poll_s, on_silence)

    def _ask(
        self,
        operation: Operation,
        required: Sequence[Any],
        arguments: Mapping[str, Any],
        timeout_s: float | None,
        idempotency_key: str | None = None,
        stream: bool = False,
    ) -> requests.Response:
        given = arguments_by_name(operation, required, arguments)
        path = PATH_NAME.sub(lambda name: quote(str(given.pop(name[1])), safe=""), operation.path)
        headers = {} if idempotency_key is None else {KEY_HEADER: idempotency_key}
        sent = query_and_body(operation, given)
        longer_s = operation.longest_s(ACTOR_START_TIMEOUT_S) - CALL_TIMEOUT_S
        read_s = self._timeout_s + max(0.0, longer_s) if timeout_s is None else timeout_s
        return self._request(operation.method, path, read_s, headers=headers, stream=stream, **sent)

    def _request(
        self, method: str, path: str, read_s: float, **arguments: Any
    ) -> requests.Response:
        timeout = (min(read_s, CONNECT_TIMEOUT_S), read_s)
        url = self._base_url + path
        response = self._session.request(method, url, timeout=timeout, **arguments)
        if response.status_code >= 400:
            raise error_of(response, url)
        return response


def patiently(
    ask: Callable[[], Answer],
    patience_s: Callable[[Exception], float],
    poll_s: float,
    on_silence: Callable[[Exception], None] | None,
) -> Answer:
    """The answer; an error that may pass is raised once it has lasted as long as that for it."""
    began = time.monotonic()
    told = False
    while True:
        try:
            return ask()
        except (requests.RequestException, ApiError) as error:
            if not _may_pass(error) or time.monotonic() - began >= patience_s(error):
                raise
            if on_silence is not None and not told:
                on_silence(error)
            told = True
        time.sleep(poll_s)


def _may_pass(error: Exception) -> bool:
    """Whether a gateway that starts, or comes back, may answer the next time: not if a proxy or
    another program answers instead."""
    if not isinstance(error, requests.RequestException):
        return isinstance(error, ApiError) and error.status == 503
    lasting = (
        requests.exceptions.InvalidJSONError,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidURL,
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
    )
    return not isinstance(error, lasting)
