"""Turns the body of an upload into files, and into the fields by which they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value
from actors.core.rows.data_formats import ENDING_OF_FORMAT, OWN_FORMATS
from orchestrator.uploads.archives import Look, unpack_tar, unpack_zip
from orchestrator.uploads.entries import EntryTally, UnpackLimits
from orchestrator.uploads.recognition import (
    TAR_GZ,
    ZIP,
    archive_kind,
    file_format,
    folder_config,
)
from orchestrator.uploads.written_files import write_file

NOT_OF_DATA = ("name", "batch_size", "val_batch_size", "shuffle")
"""Fields of ``dataset_config`` that each job gives for itself."""


@dataclass(frozen=True)
class ArrivedFiles:
    """The files of an upload. ``config`` has the format, the path and all other fields to read
    them."""

    config: Mapping[str, Any]
    num_files: int
    num_bytes: int


def check_given(given: Mapping[str, Any]) -> None:
    """Checks the fields that come with an upload. Raises ``InvalidRequest``."""
    for name in NOT_OF_DATA:
        if name in given:
            raise InvalidRequest(
                f"set has {name}, which each job says for itself: leave it out, and use it in a "
                "job's dataset_config"
            )
    wanted = given.get("format")
    if wanted is not None and wanted not in OWN_FORMATS:
        raise InvalidRequest(
            f"format is {shown_value(wanted)}, but must be one of {', '.join(OWN_FORMATS)}"
        )


def unpack(
    body: IO[bytes],
    name: str,
    folder: Path,
    given: Mapping[str, Any],
    limits: UnpackLimits,
    look: Look,
) -> ArrivedFiles:
    """Writes the files of the upload ``name`` into an empty folder. ``given`` has the user's
    fields. ``look`` is called now and then, and raises an error to end the work.

    Raises ``InvalidRequest``, ``StorageUnavailable``. After an error, files may be left in the
    folder.
    """
    check_given(given)
    packed_bytes = body.seek(0, os.SEEK_END)
    if packed_bytes == 0:
        raise InvalidRequest(
            "The request has no body: send the data set in it, with curl by -T and the file's name"
        )
    wanted = given.get("format")
    kind = archive_kind(body, wanted)
    if kind is None:
        return _single(body, name, folder, given, packed_bytes)
    tally = EntryTally(limits, packed_bytes)
    if kind == ZIP:
        unpack_zip(body, folder, tally, look)
    else:
        unpack_tar(body, folder, tally, look, is_gzip=kind == TAR_GZ)
    config = {**folder_config(folder, given), **given}
    return ArrivedFiles(config, tally.num_files, tally.num_bytes)


def _single(
    body: IO[bytes], name: str, folder: Path, given: Mapping[str, Any], num_bytes: int
) -> ArrivedFiles:
    found = file_format(body, given.get("format"))
    file_name = name + ENDING_OF_FORMAT[found]
    body.seek(0)
    write_file(folder / file_name, body, num_bytes, file_name)
    return ArrivedFiles({"format": found, **given, "path": file_name}, 1, num_bytes)
