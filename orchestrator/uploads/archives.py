"""Unpacks archives into a folder. It checks every entry before it writes anything of it.

All functions raise ``InvalidRequest`` and ``StorageUnavailable``. After an error the folder has the
files that came before it.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any

from actors.core.errors import InvalidRequest, TandemError, error_text
from actors.core.rows.tar_end import check_tar_end
from orchestrator.uploads.allowed_reads import AllowedReads, ZipReads
from orchestrator.uploads.entries import NOT_UTF8, RENAME, EntryTally, refused_entry
from orchestrator.uploads.written_files import make_folder, write_file

MAX_DIRECTORY_BYTES = 2**26
"""The largest list of entries of a zip. zipfile reads that list as a whole."""
MAX_HEADER_BYTES = 2**20
"""The largest headers of one entry of a tar."""
LOCAL_HEADER_BYTES = 30
"""What precedes an entry in a zip, without its name."""
ENCRYPTED, UTF8 = 0x1, 0x800
"""Flags of a zip's entry."""
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
PLAIN_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
PLAIN = "pack it again, with ordinary files and folders alone"
Look = Callable[[], None]
"""Called before each entry. It raises an error to end the work."""


def unpack_zip(body: IO[bytes], folder: Path, tally: EntryTally, look: Look) -> None:
    """Unpacks it into an empty folder."""
    with _readable("zip"), _opened_zip(body, tally.limits.max_files) as (archive, reads):
        entries = archive.infolist()
        _check_no_overlap(entries)
        for entry in entries:
            look()
            name = _zip_name(entry)
            _check_zip_entry(entry, name)
            if entry.is_dir():
                make_folder(folder.joinpath(*tally.add_folder(name)))
            elif parts := tally.add_file(name, entry.file_size):
                reads.allow(entry.compress_size + MAX_HEADER_BYTES)
                with archive.open(entry) as source:
                    write_file(folder.joinpath(*parts), source, entry.file_size, name)
    tally.check_not_empty()


def zip_names(body: IO[bytes], max_files: int) -> list[str]:
    """The names of its entries."""
    with _readable("zip"), _opened_zip(body, max_files) as (archive, _):
        return archive.namelist()


def unpack_tar(body: IO[bytes], folder: Path, tally: EntryTally, look: Look, is_gzip: bool) -> None:
    """Unpacks it into an empty folder."""
    with _readable("tar"), _opened_tar(body, is_gzip) as (archive, reads):
        for entry in _members(archive, reads):
            look()
            name = entry.name
            if entry.isdir():
                make_folder(folder.joinpath(*tally.add_folder(name)))
                continue
            if entry.type not in PLAIN_FILES or entry.issparse():
                raise refused_entry(name, f"is {_tar_kind(entry)}, not a file", PLAIN)
            if parts := tally.add_file(name, entry.size):
                reads.allow(entry.size + MAX_HEADER_BYTES)
                source = archive.extractfile(entry)
                assert source is not None
                write_file(folder.joinpath(*parts), source, entry.size, name)
    tally.check_not_empty()


def tar_names(body: IO[bytes], count: int) -> list[str]:
    """The names of its first entries."""
    with _readable("tar"), _opened_tar(body, False) as (archive, reads):
        return [entry.name for entry in islice(_members(archive, reads), count)]


@contextmanager
def _readable(kind: str) -> Iterator[None]:
    """Turns errors of the libraries, which may be of any kind, into ``InvalidRequest``."""
    try:
        yield
    except TandemError:
        raise
    except UnicodeDecodeError as error:
        name = bytes(error.object).decode("utf-8", "backslashreplace")
        raise refused_entry(name, NOT_UTF8, RENAME) from error
    except Exception as error:
        raise InvalidRequest(
            f"The upload can't be read as a {kind} ({error_text(error)[:200]}): look whether it is "
            "whole, and pack it again"
        ) from error


@contextmanager
def _opened_zip(body: IO[bytes], max_files: int) -> Iterator[tuple[zipfile.ZipFile, AllowedReads]]:
    reads = ZipReads(body, max_files)
    reads.allow(MAX_DIRECTORY_BYTES)
    file: Any = reads
    with zipfile.ZipFile(file) as archive:
        yield archive, reads


def _check_no_overlap(entries: Sequence[zipfile.ZipInfo]) -> None:
    """If entries shared bytes, a small archive could unpack to any size."""
    in_order = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(in_order):
        end = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size
        if end > following.header_offset:
            raise refused_entry(
                following.filename, "shares bytes with another one", "pack the folder again"
            )


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """The name as its writer meant it. Without the flag for UTF-8, zipfile decodes names by the
    code page of the first PCs, but today's programs write UTF-8."""
    name = entry.orig_filename
    if name.isascii() or entry.flag_bits & UTF8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        raise refused_entry(name, NOT_UTF8, RENAME) from None


def _check_zip_entry(entry: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "a device, a pipe or a socket"
        raise refused_entry(name, f"is {what}, not a file", PLAIN)
    if entry.flag_bits & ENCRYPTED:
        raise refused_entry(name, "is encrypted", "pack it again without a password")
    if not entry.is_dir() and entry.compress_type not in ZIP_METHODS:
        raise refused_entry(
            name,
            f"is packed by the method {entry.compress_type}",
            "pack it again as an ordinary zip, whose methods are 0 (stored) and 8 (deflated)",
        )


@contextmanager
def _opened_tar(body: IO[bytes], is_gzip: bool) -> Iterator[tuple[tarfile.TarFile, AllowedReads]]:
    body.seek(0)
    with closing(gzip.GzipFile(fileobj=body, mode="rb")) as unpacked:
        reads = AllowedReads(unpacked if is_gzip else body)
        reads.allow(MAX_HEADER_BYTES)
        file: Any = reads
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
            yield archive, reads


def _members(archive: Any, reads: AllowedReads) -> Iterator[tarfile.TarInfo]:
    """Yields one after the other. tarfile itself would keep all of them."""
    while True:
        reads.allow(MAX_HEADER_BYTES)
        entry = archive.next()
        if entry is None:
            break
        archive.members = []
        yield entry
    check_tar_end(archive, reads)


def _tar_kind(entry: tarfile.TarInfo) -> str:
    if entry.issym() or entry.islnk():
        return "a link"
    if entry.isfifo() or entry.ischr() or entry.isblk():
        return "a device or a pipe"
    return "of a kind that a folder has not"
