"""The embedded cluster's own token: made once, and again where a host that went down left none."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cluster.local_cluster import cluster_auth


def test_a_token_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    token = Path(cluster_auth(tmp_path)["RAY_AUTH_TOKEN_PATH"])
    made = token.read_text()
    assert len(made) == 64 and token.stat().st_mode & 0o077 == 0
    cluster_auth(tmp_path)
    assert token.read_text() == made


def test_an_empty_token_is_made_anew(tmp_path: Path) -> None:
    token = Path(cluster_auth(tmp_path)["RAY_AUTH_TOKEN_PATH"])
    token.write_text("")
    cluster_auth(tmp_path)
    assert len(token.read_text()) == 64 and token.stat().st_mode & 0o077 == 0
