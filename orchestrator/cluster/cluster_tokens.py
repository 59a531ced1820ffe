"""Ray's tokens of the user's own clusters, one file a cluster under the storage path."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from actors.core.addresses import is_loopback, parse_host_port, parse_ip
from orchestrator.errors import InvalidRequest

MIN_TOKEN_CHARS = 16
FROM_ENVIRONMENT = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE")


def token_file(storage_path: Path, address: str) -> Path:
    """The file with the token of the cluster at ``address`` (host:port)."""
    return storage_path / "tokens" / _file_name(address)


def show_token(address: str) -> str:
    """The command that shows, on its head, the token of a cluster of `tandem head`."""
    where = parse_host_port(address)
    known = parse_ip(where.host) is not None and not is_loopback(where.host)
    return f"cat ~/.tandem/tokens/{_file_name(address) if known else f'*_{where.port}'}"


def make_token(storage_path: Path, address: str) -> Path:
    """Makes the cluster's token file if there is none; it stays the same after a restart."""
    file = token_file(storage_path, address)
    if not file.exists():
        save_token(file, secrets.token_hex(32))
    return file


def _file_name(address: str) -> str:
    """Plain in a shell."""
    where = parse_host_port(address)
    return f"{where.host}_{where.port}".replace(":", "_")


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
    """Ray's variables for the cluster at ``address`` that the user has not set; empty if no token
    for it is known here."""
    if environment.get("RAY_AUTH_MODE"):
        return {}
    mode = {"RAY_AUTH_MODE": "token"}  # without it Ray does not look at a token
    if any(environment.get(name) for name in FROM_ENVIRONMENT):
        return mode
    file = token_file(storage_path, address)
    return {**mode, "RAY_AUTH_TOKEN_PATH": str(file)} if file.exists() else {}
