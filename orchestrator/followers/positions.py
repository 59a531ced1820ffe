"""How far a follower is, in a file: it goes on there after a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageUnavailable


class PositionFile:
    """One JSON object; whole at any moment. Where the disk refuses it, it is kept until the process
    ends: what was told is not told again each second until the disk has room."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest: str | None = None

    def load(self) -> dict[str, Any] | None:
        """None before the first ``save``, and where the file holds something else. Raises
        ``StorageUnavailable``."""
        try:
            text = self._latest or self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error) from error
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def save(self, position: dict[str, Any]) -> None:
        """Raises ``StorageUnavailable``."""
        self._latest = json.dumps(position)
        partial = self._path.with_suffix(".partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(self._latest, encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StorageUnavailable:
        return StorageUnavailable(
            f"{self._path} can't be read or written ({error.strerror}): see that the disk has room "
            "and that the gateway may write there"
        )
