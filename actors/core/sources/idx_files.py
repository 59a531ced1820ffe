"""Reads MNIST's own file format (IDX), and says in a sentence what is wrong with a damaged file.

Format: http://yann.lecun.com/exdb/mnist — magic number (type and number of dimensions), the
dimensions as big-endian 32-bit numbers, then the values.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actors.core.errors import error_text
from actors.core.rows.data_files import archive_of, check_is_file, file_unusable, unreadable
from actors.core.rows.row_reader import Array

UNSIGNED_BYTES, INTEGERS = 0x08, 0x0C
VALUE_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
# What is found in the place of a data file, by how it begins.
FOREIGN_BEGINNINGS = (
    (b"\x1f\x8b", "is a gzip archive: unpack it (gunzip)"),
    (b"PK\x03\x04", "is a zip archive: unpack it (unzip)"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself (git lfs pull)"),
    (b"\x93NUMPY", "is a NumPy file, not an IDX file"),
    (b"%PDF", "is a PDF document"),
)


@dataclass(frozen=True)
class IdxKind:
    """What a file must hold: samples of ``shape``, with values of the type ``code``: bytes or
    big-endian 32-bit numbers."""

    what: str
    shape: tuple[int, ...] = ()
    code: int = UNSIGNED_BYTES

    @property
    def magic(self) -> int:
        return self.code << 8 | 1 + len(self.shape)

    @property
    def dtype(self) -> str:
        """The values' type in numpy."""
        return {UNSIGNED_BYTES: "u1", INTEGERS: ">i4"}[self.code]

    @property
    def sample_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def header_bytes(self) -> int:
        return 4 * (2 + len(self.shape))


@dataclass(frozen=True)
class _Opened:
    """``num_bytes`` is None if it is known only after reading."""

    file: io.BufferedReader | gzip.GzipFile
    num_bytes: int | None


def read_idx(path: Path, kind: IdxKind) -> Array:
    """All samples, ``[n, *shape]``; raises ``DatasetUnavailable``."""
    with _opened(path) as opened:
        count = _read_count(path, kind, opened)
        size = count * kind.sample_bytes
        content = opened.file.read(size + 1)
    _check_size(path, kind, count, kind.header_bytes + len(content), at_least=len(content) > size)
    return np.frombuffer(bytearray(content), kind.dtype).reshape(count, *kind.shape)


def count_samples(path: Path, kind: IdxKind) -> int:
    """The number of samples by header and size, without reading them. Raises
    ``DatasetUnavailable``."""
    with _opened(path) as opened:
        return _read_count(path, kind, opened)


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """Opens the file, or the gzip archive beside it."""
    source = path if os.path.lexists(path) else archive_of(path)
    try:
        check_is_file(source)
        with source.open("rb") as file:
            if source == path:
                yield _Opened(file, os.fstat(file.fileno()).st_size)
            else:
                with gzip.open(file) as unpacked:
                    yield _Opened(unpacked, None)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise file_unusable(source, f"is a damaged gzip archive ({error_text(error)})") from error
    except OSError as error:
        raise unreadable(source, error) from error


def _read_count(path: Path, kind: IdxKind, opened: _Opened) -> int:
    header = opened.file.read(kind.header_bytes)
    if not header:
        raise file_unusable(path, "is empty (0 bytes)")
    if (found := _foreign(header, opened.file)) is not None:
        raise file_unusable(path, found)
    _check_magic(path, kind, header)
    if len(header) < kind.header_bytes:
        raise file_unusable(path, f"is cut short: it has only {len(header)} bytes")
    count, *shape = (int(n) for n in np.frombuffer(header, ">u4")[1:])
    if tuple(shape) != kind.shape:
        raise file_unusable(path, f"has {kind.what} of {_by(shape)} instead of {_by(kind.shape)}")
    if count == 0:
        raise file_unusable(path, f"has no {kind.what}")
    if opened.num_bytes is not None:
        _check_size(path, kind, count, opened.num_bytes)
    return count


def _foreign(header: bytes, file: io.BufferedReader | gzip.GzipFile) -> str | None:
    """Names another kind of file by its first bytes."""
    beginning = header + file.peek(64)[:64]
    for start, finding in FOREIGN_BEGINNINGS:
        if beginning.startswith(start):
            return finding
    if beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "is an HTML or XML page: a download has saved an error or a login page"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in beginning[:64]):
        return "is a text file"
    if not any(beginning):
        return "begins with zeros only: its content is lost"
    return None


def _check_magic(path: Path, kind: IdxKind, header: bytes) -> None:
    magic = int.from_bytes(header[:4], "big")
    if magic == kind.magic:
        return
    kinds = {0x801: "labels", 0x803: "images"}
    if magic in kinds:
        raise file_unusable(path, f"holds {kinds[magic]}, not {kind.what}: are two files swapped?")
    if magic >> 16 == 0 and (name := VALUE_TYPES.get(magic >> 8)) is not None:
        wanted = VALUE_TYPES.get(kind.code, "bytes")
        raise file_unusable(path, f"holds {name} values instead of {wanted}")
    raise file_unusable(
        path,
        f"is no IDX file of {kind.what}: it begins with {header[:4].hex()} instead of "
        f"{kind.magic:08x}",
    )


def _check_size(path: Path, kind: IdxKind, count: int, size: int, at_least: bool = False) -> None:
    wanted = kind.header_bytes + count * kind.sample_bytes
    promise = f"its header promises {count:,} {kind.what}, which make {wanted:,} bytes"
    if size < wanted:
        raise file_unusable(path, f"is cut short: {promise}, but it has {size:,}")
    if size > wanted:
        more = "more" if at_least else f"{size:,}"
        raise file_unusable(path, f"is too long: {promise}, but it has {more}")


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one value"
