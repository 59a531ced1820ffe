"""The folder that Tandem keeps its files in: made where need be, or said why it can't be used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.core.errors import error_text
from orchestrator.errors import InvalidRequest, StorageUnavailable
from orchestrator.settings import Settings, lacks_home

REMEDY = "choose another with --storage-path or TANDEM_STORAGE_PATH"


@contextmanager
def storage_in_use(settings: Settings) -> Iterator[None]:
    """Makes the folder, and explains an error with a file in it during the block.

    Raises ``InvalidRequest`` for a path in a home folder that this user does not have, and
    ``StorageUnavailable`` for a path that can't be used; each names the setting and the remedy.
    """
    check_homes(settings)
    storage = settings.storage_path
    if error := why_not_writable(storage):
        raise StorageUnavailable(f"The storage path {storage} can't be written ({error}): {REMEDY}")
    with storage_errors(storage):
        yield


@contextmanager
def storage_errors(storage: Path) -> Iterator[None]:
    """Raises ``StorageUnavailable`` instead of an ``OSError`` about a file in the folder."""
    try:
        yield
    except OSError as error:
        if error.filename is None or storage not in (file := Path(str(error.filename))).parents:
            raise
        raise StorageUnavailable(
            f"{file} in the storage path can't be used ({error.strerror}). If another user has "
            f'made it: sudo chown -R "$(id -u)" {storage}; or {REMEDY}'
        ) from error


def check_homes(settings: Settings) -> None:
    """Raises ``InvalidRequest`` naming the setting that needs a home folder."""
    for name in ("storage_path", "data_dir"):
        if lacks_home(getattr(settings, name)):
            variable = f"TANDEM_{name.upper()}"
            raise InvalidRequest(
                f"The setting {name} is {getattr(settings, name)}, but this user has no home "
                f"folder (HOME is not set, and the system knows none): set HOME, or give a folder "
                f"that can be written with --{name.replace('_', '-')} or {variable}"
            )


def why_not_writable(folder: Path) -> str | None:
    """Why no file can be made there, the folder itself included; None when it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except (FileExistsError, NotADirectoryError):
        return "it is a file, or lies below one"
    except OSError as error:
        return error.strerror or error_text(error)
