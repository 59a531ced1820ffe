"""Unpacks uploads on the gateway's host, which is also the JobManager's, and has it register
them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from actors.core.errors import InvalidRequest, Unavailable
from actors.core.patience import patience_s
from http_gateway.calls.turns import GONE_TEXT, Turns
from http_gateway.operations.operation import ManagerCall
from orchestrator.uploads.arrival import check_given, unpack
from orchestrator.uploads.entries import UNPACKED_RATIO, UnpackLimits
from orchestrator.uploads.upload_store import UploadStore

CHECK_UPLOAD = ManagerCall(name="check_upload", may_repeat=True, is_quick=True)
ADD_DATASET = ManagerCall(name="add_dataset", shows_at="GET /api/datasets")
MAX_WAITING = 8
UNPACKING_S = 900.0
"""The longest wait of an upload for those before it."""

CallManager = Callable[[ManagerCall, dict[str, Any]], Any]


class DatasetUploads:
    """Unpacks one upload at a time into ``folder``. A body has at most ``max_bytes``."""

    def __init__(self, folder: Path, max_bytes: int, call: CallManager) -> None:
        self._store = UploadStore(folder)
        self._limits = UnpackLimits(max_bytes * UNPACKED_RATIO)
        self._call = call
        self._turns = Turns("Uploads are unpacked", MAX_WAITING, UNPACKING_S)

    def upload(
        self,
        operation: ManagerCall,
        name: str,
        format: str | None,
        set: list[str],
        replace: bool,
        open_body: Callable[[], IO[bytes]],
        gone: Callable[[], bool],
    ) -> Any:
        """Returns what the JobManager understood. Nothing is left of an upload that it didn't
        register."""
        given = given_fields(format, set)
        check_given(given)
        named = {"name": name, "replace": replace}
        self._call(CHECK_UPLOAD, named)
        with self._store.new_version(name) as version:
            folder = self._store.files_of(version)
            with self._turns.turn(gone):
                arrived = unpack(
                    open_body(), name, folder, given, self._limits, lambda: _check(gone)
                )
            timeout_s = patience_s(arrived.num_bytes, operation.timeout_s)
            add = dataclasses.replace(ADD_DATASET, timeout_s=timeout_s)
            return self._call(add, {**named, "version": version, **dataclasses.asdict(arrived)})


def given_fields(wanted: str | None, settings: Sequence[str]) -> dict[str, Any]:
    """The fields of ``wanted``, a format, and of texts such as ``resize=[64,64]``. A value is JSON,
    otherwise text. Raises ``InvalidRequest``."""
    given: dict[str, Any] = {} if wanted is None else {"format": wanted}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name in given or name == "format":
            raise InvalidRequest(f"set has {name} twice, or beside its own parameter: say it once")
        given[name] = _value(value)
    return given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check(gone: Callable[[], bool]) -> None:
    if gone():
        raise Unavailable(GONE_TEXT)
