"""Limits what zipfile and tarfile read, because they believe what an archive says of itself."""

from __future__ import annotations

from typing import Any

from actors.core.errors import InvalidRequest

ZIP_RECORD = b"PK\x01\x02"
"""The bytes with which each entry of a zip's list begins."""
END_BYTES = 2**17
"""The most that follows a zip's list of entries."""


class AllowedReads:
    """Reads no more than ``allow`` permits. A header may claim gigabytes."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._allowed_bytes = 0
        self.seek, self.tell = file.seek, file.tell

    def allow(self, num_bytes: int) -> None:
        """Permits so many bytes until the next call."""
        self._allowed_bytes = num_bytes

    def seekable(self) -> bool:
        return True

    def read(self, num_bytes: int = END_BYTES) -> bytes:
        """Raises ``InvalidRequest``."""
        if num_bytes > self._allowed_bytes:
            raise InvalidRequest(
                "The archive says more of its files than an honest one does: it has too many, or "
                "is damaged. Pack it again, with fewer files"
            )
        self._allowed_bytes -= num_bytes
        data: bytes = self._file.read(num_bytes)
        return data


class ZipReads(AllowedReads):
    """Counts a zip's entries before there is an object for each."""

    def __init__(self, file: Any, max_entries: int) -> None:
        super().__init__(file)
        self._max_entries = max_entries

    def read(self, num_bytes: int = END_BYTES) -> bytes:
        data = super().read(num_bytes)
        if data.startswith(ZIP_RECORD) and data.count(ZIP_RECORD) > self._max_entries:
            raise InvalidRequest(
                f"The archive has more than {self._max_entries:,} files and folders, the limit: "
                "put them into fewer, such as tars of the format webdataset"
            )
        return data
