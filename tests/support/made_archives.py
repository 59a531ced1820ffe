"""Archives as users make them, and as nobody honest does."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

PETS = {f"{kind}/{i}.txt": f"{kind} {i}".encode() for kind in ("cat", "dog") for i in range(3)}


def made_zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """Files by their names; a name that ends with / is a folder's."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return body


def zip_of(entry: zipfile.ZipInfo, content: bytes = b"x") -> io.BytesIO:
    """With one entry as it is given."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(entry, content)
    return body


def zip_entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """With the mode of a file as Unix has it."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    return entry


def made_tar(members: Mapping[str, bytes], mode: Any = "w") -> io.BytesIO:
    """Plain files by their names."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body


def tar_of(info: tarfile.TarInfo, content: bytes = b"") -> io.BytesIO:
    """With one entry as it is given, whose content may be shorter than it says."""
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    padded = content + bytes(-len(content) % tarfile.BLOCKSIZE)
    return io.BytesIO(header + padded + bytes(2 * tarfile.BLOCKSIZE))


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info


def gzipped(body: io.BytesIO) -> io.BytesIO:
    return io.BytesIO(gzip.compress(body.getvalue()))


def overlapping_zip(num_entries: int, content: bytes) -> io.BytesIO:
    """Each entry of its list leads to the same bytes."""
    one = made_zip({"0": content}).getvalue()
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    record, tail = one[start:end], one[end:]
    names = [str(i)[-1:] for i in range(num_entries)]
    records = b"".join(record[:-1] + name.encode() for name in names)
    counts = num_entries.to_bytes(2, "little") * 2
    sizes = len(records).to_bytes(4, "little") + start.to_bytes(4, "little")
    return io.BytesIO(one[:start] + records + tail[:8] + counts + sizes + tail[20:])
