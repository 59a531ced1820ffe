"""Finds out what was uploaded, an archive or a file, and its format, unless the user says it."""

from __future__ import annotations

import os
import tarfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value
from actors.core.rows.data_formats import (
    DELIMITERS,
    ENDING_OF_FORMAT,
    FOLDER_FORMAT,
    FORMAT_OF_ENDING,
)
from actors.core.rows.file_names import TRAIN, is_hidden, part_named
from actors.core.rows.image_decoding import SUFFIXES
from orchestrator.uploads.archives import tar_names, zip_names
from orchestrator.uploads.entries import MAX_FILES

ZIP, TAR, TAR_GZ = "zip", "tar", "tar.gz"
HEAD_BYTES = 512
NUM_LOOKED_AT = 1_000
"""So many entries of a tar are looked at."""
CLASS_ENDING = ".cls"
FOLDERS = (FOLDER_FORMAT, "text", "webdataset")
"""The formats that read a whole folder."""
PREFERRED = (FOLDER_FORMAT, "webdataset", "csv", "jsonl", "parquet", "npz", "npy", "text")
"""The order of preference if a folder has files of several formats. A text beside images tells
people about them."""


def archive_kind(body: IO[bytes], wanted: str | None) -> str | None:
    """The kind of archive, or None if the body is a single file. ``wanted`` is the user's format.
    Raises ``InvalidRequest``."""
    body.seek(0)
    head = body.read(HEAD_BYTES)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None if _is_npz(body, wanted) else ZIP
    if head.startswith(b"\x1f\x8b"):
        return TAR_GZ
    if head[257:262] == b"ustar" or _is_old_tar(head):
        return None if _is_webdataset(body, wanted) else TAR
    return None


def _is_npz(body: IO[bytes], wanted: str | None) -> bool:
    """An npz is a zip of arrays without folders."""
    names = zip_names(body, MAX_FILES)
    return wanted in (None, "npz") and all(
        name.endswith(".npy") and "/" not in name for name in names
    )


def _is_webdataset(body: IO[bytes], wanted: str | None) -> bool:
    names = tar_names(body, NUM_LOOKED_AT)
    return wanted in (None, "webdataset") and any(name.endswith(CLASS_ENDING) for name in names)


def _is_old_tar(head: bytes) -> bool:
    """A tar without today's mark is known by the checksum of its header."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def file_format(body: IO[bytes], wanted: str | None) -> str:
    """The format of a single file. Raises ``InvalidRequest`` if only the user can tell."""
    if wanted is not None:
        if wanted not in ENDING_OF_FORMAT:
            raise InvalidRequest(
                f"format is {shown_value(wanted)}, but the upload is a single file: send a zip or "
                f"a tar of the folder, or say one of {', '.join(ENDING_OF_FORMAT)}"
            )
        return wanted
    body.seek(0)
    head = body.read(HEAD_BYTES)
    known = {b"PK": "npz", b"\x93NUMPY": "npy", b"PAR1": "parquet", b"{": "jsonl"}
    found = next((name for mark, name in known.items() if head.lstrip().startswith(mark)), None)
    if found is None and (head[257:262] == b"ustar" or _is_old_tar(head)):
        found = "webdataset"
    if found is None:
        raise InvalidRequest(
            "The upload is a file whose format is not clear: add ?format= and one of "
            f"{', '.join(ENDING_OF_FORMAT)}, or send a zip or a tar of a folder"
        )
    return found


def folder_config(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The ``format`` and the ``path``, relative to ``root``, of what was unpacked there. The user
    may have ``given`` them. Raises ``InvalidRequest``."""
    inner = _innermost(root)
    by_format = _files_by_format(inner)
    found = given.get("format") or _likeliest(by_format)
    if given.get("path") is not None:
        return {"format": found}
    if found in FOLDERS:
        return {"format": found, "path": os.path.relpath(inner, root)}
    files = by_format[found]
    if len(files) != 1:
        raise InvalidRequest(
            f"The upload has {len(files):,} files of the format {found}, but a job reads one of "
            f"them: say which by ?format={found}&set=path=, as it is named in the archive"
        )
    delimiter = DELIMITERS.get(files[0].suffix.lower())
    more = {} if delimiter is None else {"delimiter": delimiter}
    return {"format": found, "path": os.path.relpath(files[0], root), **more}


def _innermost(root: Path) -> Path:
    """The folder with the data. Most archives have it as their only entry. A folder without folders
    may be that of the only class, which the source refuses."""
    while True:
        inside = _visible(root)
        if len(inside) != 1 or not any(map(Path.is_dir, inside)):
            return root
        if part_named(inside[0].name) == TRAIN or not any(map(Path.is_dir, _visible(inside[0]))):
            return root
        root = inside[0]


def _visible(folder: Path) -> list[Path]:
    return [own for own in folder.iterdir() if not is_hidden(own.name)]


def _files_by_format(root: Path) -> Mapping[str, list[Path]]:
    """All files that aren't hidden, because sources skip those."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            ending = os.path.splitext(name)[1].lower()
            known = FOLDER_FORMAT if ending in SUFFIXES else FORMAT_OF_ENDING.get(ending)
            if not is_hidden(name) and known is not None:
                found[known].append(Path(folder, name))
    return found


def _likeliest(by_format: Mapping[str, list[Path]]) -> str:
    found = next((name for name in PREFERRED if by_format.get(name)), None)
    if found is None:
        raise InvalidRequest(
            "The upload has no file whose name ends in "
            f"{', '.join(sorted({*SUFFIXES, *FORMAT_OF_ENDING}))}: name the files by what they "
            "are, or add ?format= and set=path="
        )
    return found
