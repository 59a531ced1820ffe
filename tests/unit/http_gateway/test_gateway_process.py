"""The arguments of a gateway as a child process; no process is started here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from http_gateway.process.gateway_process import GatewayProcess

TOKEN = "correct-horse-battery-staple"


class Recorded:
    """Stands for a process: records how it was started, and serves at once."""

    def __init__(self, command: list[str], *, env: dict[str, str], **_: Any) -> None:
        self.command, self.env = command, env
        port_file = Path(command[command.index("--port-file") + 1])
        port_file.write_text(json.dumps({"url": "http://127.0.0.1:1"}))


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Recorded)


def started(storage: Path, **arguments: Any) -> Any:
    return GatewayProcess.start(storage, **arguments).process


@pytest.mark.parametrize("env", [None, {"TANDEM_API_TOKEN": TOKEN, "TANDEM_API_TOKEN_FILE": "/t"}])
def test_the_users_token_is_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str] | None
) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    monkeypatch.setenv("TANDEM_API_TOKEN_FILE", "/t")
    process = started(tmp_path, env=env)
    assert not [name for name in process.env if name.startswith("TANDEM_API_TOKEN")]
    assert ("PATH" in process.env) == (env is None)


def test_it_is_given_the_token_by_its_environment_only(tmp_path: Path) -> None:
    process = started(tmp_path, env={"TANDEM_API_TOKEN": "x" * 20}, token=TOKEN)
    assert process.env == {"TANDEM_API_TOKEN": TOKEN}
    assert TOKEN not in " ".join(process.command)


def test_it_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    command = started(tmp_path).command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    command = started(tmp_path, arguments=["--host", "0.0.0.0"], token=TOKEN).command
    assert command[-2:] == ["--host", "0.0.0.0"]
