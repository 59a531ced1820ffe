"""The folders from which files may be read, and the search for a file that a user names."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value

MAX_PATH_CHARS = 4096


@dataclass(frozen=True)
class Folders:
    """Absolute. Data sets lie in ``data``; files that a user names must lie in one of ``allowed``,
    at any depth, wherever links lead."""

    data: Path
    allowed: tuple[Path, ...]

    def find(self, where: str, path: str) -> Path:
        """Finds the regular file that ``path`` names: an absolute path, or one in the first allowed
        folder that has it. Raises ``InvalidRequest``; ``where`` names the field. It does not touch
        files elsewhere."""
        wanted = Path(path)
        if "\0" in path or not path:
            raise InvalidRequest(f"{where} is {shown_value(path)}, but must be a path")
        places = [wanted] if wanted.is_absolute() else [own / wanted for own in self.allowed]
        found = [resolved for place in places if (resolved := self._allowed(place)) is not None]
        if not found:
            raise InvalidRequest(
                f"{where} is {shown_value(path)}, which is in none of the folders whose files may "
                f"be read: {self._names()}. Put it there, or name its folder in the setting "
                "allowed_dirs (TANDEM_ALLOWED_DIRS)"
            )
        files = [place for place in found if _is_file(place)]
        if not files:
            raise InvalidRequest(
                f"{where} is {shown_value(path)}, but there is no such file in {self._names()} "
                "that may be read: put it there, and give the user who runs Tandem the right to it"
            )
        return files[0]

    def _allowed(self, place: Path) -> Path | None:
        try:
            resolved = place.resolve()
            inside = any(resolved.is_relative_to(own.resolve()) for own in self.allowed)
        # Links that lead to themselves, names that are too long, or no text of any file system.
        except (OSError, RuntimeError, ValueError):
            return None
        return resolved if inside else None

    def _names(self) -> str:
        return ", ".join(map(str, self.allowed)) or "none is named"


def _is_file(place: Path) -> bool:
    """Reading a pipe would wait for ever."""
    try:
        return stat.S_ISREG(place.stat().st_mode)
    except OSError:
        return False
