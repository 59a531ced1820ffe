"""Ray's tokens of the user's own clusters, one file a cluster under the storage path."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import InvalidRequest

MIN_TOKEN_CHARS = 16
FROM_ENVIRONMENT = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE")


def token_file(storage_path: Path, address: str) -> Path:
    """Where the token of the cluster at ``address`` (host:port) is kept."""
    return storage_path / "tokens" / address.replace(":", "_")


def make_token(storage_path: Path, address: str) -> Path:
    """The cluster's token file, made if there is none: the same one after a restart."""
    file = token_file(storage_path, address)
    if not file.exists():
        save_token(file, secrets.token_hex(32))
    return file


def save_token(file: Path, token: str) -> None:
    """Readable by its user only. Raises ``InvalidRequest``, without showing it."""
    token = token.strip()
    if len(token) < MIN_TOKEN_CHARS or not token.isascii() or len(token.split()) != 1:
        raise InvalidRequest(
            f"the token is not one word of at least {MIN_TOKEN_CHARS} plain characters: copy the "
            "one that `tandem head` named on the head"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(token)
    partial.replace(file)


def token_variables(
    storage_path: Path, address: str, environment: Mapping[str, str]
) -> dict[str, str]:
    """Ray's variables for the cluster at ``address``: nothing where the user has set them, or
    where no token of it is kept here."""
    file = token_file(storage_path, address)
    if any(environment.get(name) for name in FROM_ENVIRONMENT) or not file.exists():
        return {}
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
