"""Whether a tar ends where tarfile stops: it takes a damaged header for the end."""

from __future__ import annotations

import tarfile
from typing import Any


def check_tar_end(archive: tarfile.TarFile, file: Any) -> None:
    """Call it when ``archive`` has no further entry; ``file`` holds it. Raises ``ReadError``."""
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"no entry begins at byte {archive.offset:,}")
