"""Files of a user's -> the body of an upload as it is sent: no copy lies on a disk or in memory."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.rows.file_names import is_hidden
from actors.core.units import size_text
from http_gateway.api_error import ApiError

BLOCK_BYTES = 2**20
END = bytes(2 * tarfile.BLOCKSIZE)
"""Of a tar."""

Progress = Callable[[int], None]
"""Called with the bytes that were sent since the last call."""


@dataclass(frozen=True)
class PackedFile:
    """A file, with its header if it is part of a tar."""

    path: Path
    num_bytes: int
    header: bytes = b""

    @property
    def padding(self) -> bytes:
        """The zeros up to the next block of a tar."""
        return bytes(-self.num_bytes % tarfile.BLOCKSIZE) if self.header else b""

    def __len__(self) -> int:
        return len(self.header) + self.num_bytes + len(self.padding)

    def blocks(self) -> Iterator[bytes]:
        """Yields header, content and padding. Raises ``InvalidRequest`` if the file has become
        shorter or can't be read."""
        if self.header:
            yield self.header
        left = self.num_bytes
        with _readable(self.path).open("rb") as file:
            while left:
                block = file.read(min(BLOCK_BYTES, left))
                if not block:
                    raise InvalidRequest(
                        f"{self.path} became {left:,} bytes shorter while it was sent: send it "
                        "again once nothing writes to it"
                    )
                left -= len(block)
                yield block
        if self.padding:
            yield self.padding


@dataclass(frozen=True)
class UploadBody:
    """The body of an upload, whose length is known before it is sent."""

    files: tuple[PackedFile, ...]
    is_tar: bool
    on_progress: Progress

    def __len__(self) -> int:
        return sum(map(len, self.files)) + (len(END) if self.is_tar else 0)

    def __iter__(self) -> Iterator[bytes]:
        for file in self.files:
            for block in file.blocks():
                yield block
                self.on_progress(len(block))
        if self.is_tar:
            yield END
            self.on_progress(len(END))


def packed(path: Path, on_progress: Progress = lambda _: None) -> UploadBody:
    """Packs a folder as a tar, without hidden files. A file stays as it is. Raises
    ``InvalidRequest``."""
    if not path.is_dir():
        num_bytes = _regular(path).st_size
        if num_bytes == 0:
            raise InvalidRequest(f"{path} is empty: name a file or a folder with data in it")
        return UploadBody((PackedFile(path, num_bytes),), False, on_progress)
    files = tuple(_in_folder(path))
    if not files:
        raise InvalidRequest(f"{path} has no files: put the data there, or name another folder")
    return UploadBody(files, True, on_progress)


def check_upload(name: str, body: UploadBody, replace: bool, there: Mapping[str, Any]) -> None:
    """Raises ``ApiError`` if the gateway would refuse the upload. ``there`` is its answer to
    ``GET /api/datasets``."""
    if len(body) > there["max_upload_bytes"]:
        raise ApiError(
            413,
            f"The upload has {size_text(len(body))}, but may have at most "
            f"{size_text(there['max_upload_bytes'])}: upload less, or set max_upload_bytes",
        )
    if not replace and any(own["name"] == name for own in there["datasets"]):
        raise ApiError(
            409, f"There is a data set {name} already: choose another name, or replace it"
        )


def _in_folder(root: Path) -> Iterator[PackedFile]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in folders:
            if (link := Path(folder, name)).is_symlink():
                raise InvalidRequest(
                    f"{link} is a link to a folder: put the folder itself there, or delete the link"
                )
        for name in sorted(names):
            if is_hidden(name):
                continue
            path = Path(folder, name)
            info = tarfile.TarInfo(path.relative_to(root).as_posix())
            info.size = _regular(path).st_size
            header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            yield PackedFile(path, info.size, header)


def _regular(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except OSError as error:
        raise InvalidRequest(f"{path} can't be read ({error.strerror}): name another") from error
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequest(f"{path} is no regular file: name a file or a folder with data in it")
    return found


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise InvalidRequest(f"{path} can't be read: give yourself the right to it")
    return path
