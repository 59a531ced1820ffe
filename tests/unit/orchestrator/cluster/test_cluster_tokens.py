from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cluster.cluster_tokens import (
    make_token,
    save_token,
    show_token,
    token_file,
    token_variables,
)
from orchestrator.errors import InvalidRequest

ADDRESS = "10.0.0.1:6379"


def test_a_token_is_made_once_and_readable_by_its_user_only(tmp_path: Path) -> None:
    file = make_token(tmp_path, ADDRESS)
    token = file.read_text()
    assert len(token) == 64 and file.stat().st_mode & 0o777 == 0o600
    assert make_token(tmp_path, ADDRESS).read_text() == token


def test_each_cluster_has_its_own(tmp_path: Path) -> None:
    tokens = {make_token(tmp_path, address).read_text() for address in (ADDRESS, "10.0.0.2:6379")}
    assert len(tokens) == 2


def test_the_file_of_a_cluster_by_ipv6_has_a_name_that_is_plain_in_a_shell(tmp_path: Path) -> None:
    assert token_file(tmp_path, "[fd00::1]:6379").name == "fd00__1_6379"
    assert show_token("[fd00::1]:6379") == "cat ~/.tandem/tokens/fd00__1_6379"


@pytest.mark.parametrize("token", ["", "short", "two words of a good length", "ü" * 40, "\n"])
def test_what_can_be_no_token_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(InvalidRequest, match="16 plain characters") as caught:
        save_token(token_file(tmp_path, ADDRESS), token)
    assert not token.strip() or token.strip() not in caught.value.message
    assert not token_file(tmp_path, ADDRESS).exists()


def test_a_line_end_around_it_does_not_matter(tmp_path: Path) -> None:
    save_token(token_file(tmp_path, ADDRESS), "0123456789abcdef\n")
    assert token_file(tmp_path, ADDRESS).read_text() == "0123456789abcdef"


def test_variables_name_the_file_of_that_cluster_alone(tmp_path: Path) -> None:
    file = make_token(tmp_path, ADDRESS)
    expected = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
    assert token_variables(tmp_path, ADDRESS, {}) == expected
    assert token_variables(tmp_path, "10.0.0.9:6379", {}) == {}


def test_the_mode_that_the_user_has_set_counts(tmp_path: Path) -> None:
    make_token(tmp_path, ADDRESS)
    environment = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "x"}
    assert token_variables(tmp_path, ADDRESS, environment) == {}


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_that_the_user_has_set_counts_and_is_used(tmp_path: Path, name: str) -> None:
    make_token(tmp_path, ADDRESS)
    assert token_variables(tmp_path, ADDRESS, {name: "x"}) == {"RAY_AUTH_MODE": "token"}


@pytest.mark.parametrize(
    ("address", "file"),
    [
        (ADDRESS, "10.0.0.1_6379"),
        ("localhost:6379", "*_6379"),
        ("127.0.0.1:6379", "*_6379"),
        ("desk.local:7000", "*_7000"),
    ],
)
def test_where_the_head_keeps_its_token_is_told(address: str, file: str) -> None:
    assert show_token(address) == f"cat ~/.tandem/tokens/{file}"
