"""Tells an address of the owner's when a job is completed or has failed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from actors.core.units import time_text
from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.outgoing import NotTaken, post
from orchestrator.followers.positions import PositionFile
from orchestrator.store.log.entries import STATUS, LogEntry, LogFilter
from orchestrator.store.log.job_log import JobLog

TOLD = ("completed", "failed")
AT_ONCE = 100
WAITS_S: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Before each further try to deliver one message."""
MIN_SECRET_CHARS = 16
SIGNATURE_HEADER = "Tandem-Signature"


class Webhook:
    """``describe`` gives a job's details. A message is tried some times, then given up, so that
    those of other jobs come through; ``note`` puts that into the job's events."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret_file: Path | None,
        log: JobLog,
        position: PositionFile,
        describe: Callable[[str], dict[str, Any]],
        note: Callable[[str, str], None],
    ) -> None:
        self._url = url
        self._secret_file = secret_file
        self._log = log
        self._position = position
        self._describe = describe
        self._note = note

    def tell_news(self) -> None:
        """Delivers what has come since the last round."""
        known = self._position.load()
        if known is None:  # not what happened before there was a webhook
            latest = self._log.page(LogFilter(kinds=(STATUS,)), None, 1)
            self._position.save({"after": latest.next_after})
            return
        page = self._log.page(LogFilter(kinds=(STATUS,)), known["after"], AT_ONCE)
        for entry in page.entries:
            if entry.values["status"] in TOLD:
                self._deliver(entry)
            self._position.save({"after": entry.seq})
        self._position.save({"after": page.next_after})

    def _deliver(self, entry: LogEntry) -> None:
        body = json.dumps(self._message(entry)).encode()
        headers = {"Content-Type": "application/json", **self._signature(entry.job_id, body)}
        why = ""
        for wait_s in (0.0, *WAITS_S):
            time.sleep(wait_s)
            try:
                post(self._url, body, headers)
                return
            except NotTaken as error:
                why = error.text
        self._note(
            entry.job_id,
            f"webhook: that the job is {entry.values['status']} could not be told, "
            f"{len(WAITS_S) + 1} times in a row, and is given up: {why}",
        )

    def _message(self, entry: LogEntry) -> dict[str, Any]:
        message = {
            "delivery": entry.seq,
            "job_id": entry.job_id,
            "status": entry.values["status"],
            "at": None if entry.at_ms is None else time_text(entry.at_ms),
        }
        try:
            job = self._describe(entry.job_id)
        except NotFound:  # it was deleted meanwhile
            return message
        last = job["history"][-1] if job.get("history") else None
        return {
            **message,
            "error": job.get("error"),
            "progress": job.get("progress"),
            "last_epoch": last,
        }

    def _signature(self, job_id: str, body: bytes) -> dict[str, str]:
        if self._secret_file is None:
            return {}
        try:
            secret = read_secret(self._secret_file)
        except InvalidRequest as error:
            raise ToolTrouble(job_id, error.message) from error
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return {SIGNATURE_HEADER: f"sha256={digest}"}


def read_secret(file: Path) -> bytes:
    """Read for each message, so that it can be changed. Raises ``InvalidRequest``."""
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidRequest(
            f"The secret in {file} (webhook_secret_file) can't be read ({reason}): make the file "
            "readable for the user of the gateway"
        ) from error
    if len(secret) < MIN_SECRET_CHARS:
        raise InvalidRequest(
            f"The secret in {file} (webhook_secret_file) has {len(secret)} characters, but must "
            f"have at least {MIN_SECRET_CHARS}: write a longer one into it, such as the output of "
            "openssl rand -hex 32"
        )
    return secret.encode()
