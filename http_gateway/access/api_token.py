"""Finds the API's token: in TANDEM_API_TOKEN, or in the file that is set."""

from __future__ import annotations

from pathlib import Path

from actors.core.errors import InvalidRequest
from http_gateway.access.auth import TOKEN_VARIABLE, check_exposure, check_token
from orchestrator.settings import Settings, load_settings

MAX_FILE_BYTES = 65536  # of a file that is named by mistake


def load_token(settings: Settings) -> str | None:
    """The token in force, None without one.

    Raises ``InvalidRequest`` for a file that can't be read and for a token that can't be one.
    """
    if settings.api_token is not None:
        return check_token(settings.api_token.get_secret_value(), TOKEN_VARIABLE)
    if settings.api_token_file is not None:
        return check_token(_read(settings.api_token_file), f"the file {settings.api_token_file}")
    return None


def users_token() -> str | None:
    """The token of the user's own settings, for what calls a gateway."""
    return load_token(load_settings())


def serving_token(settings: Settings) -> str | None:
    """The token that a gateway asks for; raises ``InvalidRequest`` if it needs one and there is
    none."""
    token = load_token(settings)
    check_exposure(settings.host, token)
    return token


def token_source(settings: Settings) -> str | None:
    """The place of the token in force, for people; None without one."""
    if settings.api_token is not None:
        return TOKEN_VARIABLE
    return None if settings.api_token_file is None else f"the file {settings.api_token_file}"


def exposed_file(settings: Settings) -> Path | None:
    """The token's file, where other users of this host may read or change it."""
    path = settings.api_token_file
    if settings.api_token is not None or path is None:
        return None
    return path if path.stat().st_mode & 0o077 else None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise InvalidRequest(
            f"The setting api_token_file names {path}, which can't be read ({error.strerror}): "
            "put the token there, or set another file"
        ) from error
    return content.decode("utf-8", "replace").strip()  # a line's end is not the token's
