"""The part of the user's environment that Ray's nodes get."""

from __future__ import annotations

import pytest

from orchestrator.cluster.embedded_nodes import child_env


def test_nodes_get_the_users_environment_without_others_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foreign = ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "TANDEM_API_TOKEN")
    for name in (*foreign, "TANDEM_DATA_DIR"):
        monkeypatch.setenv(name, "the user's")
    env = child_env({"RAY_AUTH_MODE": "token"})
    assert not [name for name in foreign if name in env]
    assert (env["TANDEM_DATA_DIR"], env["RAY_AUTH_MODE"]) == ("the user's", "token")
