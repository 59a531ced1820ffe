"""Archives are unpacked with what is in them, or refused with the entry's name."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import InvalidRequest, StorageUnavailable
from orchestrator.uploads import allowed_reads, archives, written_files
from orchestrator.uploads.archives import unpack_tar, unpack_zip, zip_names
from orchestrator.uploads.entries import EntryTally, UnpackLimits
from tests.support.made_archives import (
    PETS,
    gzipped,
    made_tar,
    made_zip,
    overlapping_zip,
    tar_entry,
    tar_of,
    zip_entry,
    zip_of,
)

LIMITS = UnpackLimits(max_bytes=10**9, max_files=1000)


def unpacked(body: io.BytesIO, folder: Path, limits: UnpackLimits = LIMITS) -> dict[str, bytes]:
    """By what the body is; the files by their names."""
    data = body.getvalue()
    tally = EntryTally(limits, len(data))
    if data.startswith(b"PK"):
        unpack_zip(body, folder, tally, lambda: None)
    else:
        unpack_tar(body, folder, tally, lambda: None, is_gzip=data.startswith(b"\x1f\x8b"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert tally.num_files == len(files)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "body",
    [
        made_zip(PETS),
        made_zip(PETS, zipfile.ZIP_STORED),
        made_tar(PETS),
        gzipped(made_tar(PETS)),
        made_tar({f"./{name}": content for name, content in PETS.items()}),
    ],
    ids=["zip", "stored zip", "tar", "tar.gz", "tar from within"],
)
def test_files_come_out_as_they_went_in(body: io.BytesIO, tmp_path: Path) -> None:
    assert unpacked(body, tmp_path) == PETS


def test_large_files_come_out_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    for i, body in enumerate((made_zip({"a": content}), gzipped(made_tar({"a": content})))):
        assert unpacked(body, tmp_path / str(i)) == {"a": content}


def test_an_empty_folder_stays(tmp_path: Path) -> None:
    unpacked(made_zip({"cat/": b"", "dog/1": b"x"}), tmp_path)
    assert (tmp_path / "cat").is_dir()


def test_names_in_utf8_need_no_flag(tmp_path: Path) -> None:
    body = made_zip({"Ärger/1.txt": b"x"})
    unflagged = io.BytesIO(body.getvalue().replace(b"\x14\x00\x00\x08", b"\x14\x00\x00\x00"))
    assert unflagged.getvalue() != body.getvalue()
    assert list(unpacked(unflagged, tmp_path)) == ["Ärger/1.txt"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (zip_of(zip_entry("link", stat.S_IFLNK | 0o777)), "link"),
        (zip_of(zip_entry("pipe", stat.S_IFIFO | 0o644)), "pipe"),
        (zip_of(zip_entry("disk", stat.S_IFBLK | 0o644)), "disk"),
        (zip_of(zipfile.ZipInfo("/etc/passwd")), "/etc/passwd"),
        (zip_of(zipfile.ZipInfo("../up")), "../up"),
        (made_zip({"a": b"x"}, zipfile.ZIP_BZIP2), "a"),
        (made_zip({"a": b"x"}, zipfile.ZIP_LZMA), "a"),
        (tar_of(tar_entry("link", tarfile.SYMTYPE)), "link"),
        (tar_of(tar_entry("hard", tarfile.LNKTYPE)), "hard"),
        (tar_of(tar_entry("pipe", tarfile.FIFOTYPE)), "pipe"),
        (tar_of(tar_entry("tty", tarfile.CHRTYPE)), "tty"),
        (tar_of(tar_entry("disk", tarfile.BLKTYPE)), "disk"),
        (tar_of(tar_entry("odd", tarfile.CONTTYPE)), "odd"),
        (made_tar({"/etc/passwd": b"x"}), "/etc/passwd"),
        (made_tar({"cat/../../up": b"x"}), "cat/../../up"),
        (made_tar({"caf\udce9": b"x"}), "caf"),
        (gzipped(made_tar({"../up": b"x"})), "../up"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_the_folder_is_refused_by_name(
    body: io.BytesIO, name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    with pytest.raises(InvalidRequest, match=r"^The archive's entry ") as refused:
        unpacked(body, folder)
    assert name in refused.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    assert list(folder.iterdir()) == []


def flagged(flag: int, body: io.BytesIO) -> io.BytesIO:
    """With a flag of the first entry set, in its header and in the list."""
    data = bytearray(body.getvalue())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= flag
    return io.BytesIO(bytes(data))


def test_an_encrypted_entry_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'secret\.png' is encrypted"):
        unpacked(flagged(1, made_zip({"secret.png": b"x"})), tmp_path)


def test_a_name_in_another_encoding_is_refused(tmp_path: Path) -> None:
    marked = made_zip({"caf\u00e9\u00e9.png": b"x"}).getvalue()
    for body in (
        marked.replace("\u00e9\u00e9".encode(), b"\xe9abc"),  # no UTF-8, and says that it is
        marked.replace("\u00e9\u00e9".encode(), b"\xe9abc").replace(
            b"\x14\x00\x00\x08", b"\x14\x00\x00\x00"
        ),
    ):
        with pytest.raises(InvalidRequest, match=r"caf.*no text in UTF-8"):
            unpacked(io.BytesIO(body), tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        io.BytesIO(b"PK\x05\x06 and no more"),
        io.BytesIO(made_zip(PETS).getvalue()[:-40]),
        io.BytesIO(made_zip(PETS).getvalue()[10:]),
        io.BytesIO(made_tar({"a": bytes(5000)}).getvalue()[:2000]),
        io.BytesIO(gzipped(made_tar({"a": bytes(range(256)) * 999})).getvalue()[:-500]),
        io.BytesIO(b"\x1f\x8b\x08 and no more"),
        tar_of(tar_entry("short", size=10_000), b"few"),
    ],
    ids=["no zip", "cut zip", "headless zip", "cut tar", "cut gzip", "no gzip", "short"],
)
def test_what_is_not_whole_is_refused(body: io.BytesIO, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="whole"):
        unpacked(body, tmp_path)


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(made_tar({"a": b"x", "b": b"y"}).getvalue())
    data[2 * tarfile.BLOCKSIZE] ^= 1
    with pytest.raises(InvalidRequest, match="no entry begins at byte 1,024"):
        unpacked(io.BytesIO(bytes(data)), tmp_path)


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    data = bytearray(made_zip({"a": b"12345678"}, zipfile.ZIP_STORED).getvalue())
    data[data.index(b"12345678")] ^= 1
    with pytest.raises(InvalidRequest, match="CRC"):
        unpacked(io.BytesIO(bytes(data)), tmp_path)


BOMB = bytes(70 * 2**20)


@pytest.mark.parametrize(
    "body",
    [made_zip({"bomb": BOMB}), gzipped(made_tar({"bomb": BOMB}))],
    ids=["zip", "tar.gz"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(body: io.BytesIO, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="'bomb' makes its files 200 times as large"):
        unpacked(body, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_in_an_archive_stays_packed(tmp_path: Path) -> None:
    inner = made_zip({"bomb": BOMB}).getvalue()
    assert unpacked(made_zip({"inner.zip": inner}), tmp_path) == {"inner.zip": inner}


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="shares bytes with another one"):
        unpacked(overlapping_zip(9, bytes(10_000)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_too_many_entries_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("an entry was made")

    body = overlapping_zip(20, b"x")
    monkeypatch.setattr(zipfile, "ZipInfo", never)
    with pytest.raises(InvalidRequest, match="more than 10 files and folders"):
        zip_names(body, 10)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_gigabytes_is_not_read(
    kind: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = gzipped(tar_of(tar_entry("x", kind, size=2**32)))
    read = []
    plain = allowed_reads.AllowedReads.read

    def noted(self: allowed_reads.AllowedReads, num_bytes: int = 0) -> bytes:
        data = plain(self, num_bytes)
        read.append(len(data))
        return data

    monkeypatch.setattr(allowed_reads.AllowedReads, "read", noted)
    with pytest.raises(InvalidRequest, match="says more of its files"):
        unpacked(body, tmp_path)
    assert sum(read) < archives.MAX_HEADER_BYTES


def test_what_looks_at_each_entry_may_end_the_work(tmp_path: Path) -> None:
    looks = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise StorageUnavailable("enough")

    with pytest.raises(StorageUnavailable, match="enough"):
        unpack_zip(made_zip(PETS), tmp_path, EntryTally(LIMITS, 10**6), look)
    assert len(list(tmp_path.rglob("*.txt"))) == 2


@pytest.mark.parametrize("pack", [made_zip, made_tar])
def test_a_disk_that_fills_is_told(
    pack: Callable[..., io.BytesIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written_files, "free_bytes", lambda folder: 2**20)
    with pytest.raises(StorageUnavailable, match=r"1\.0 MB free"):
        unpacked(pack(PETS), tmp_path)
