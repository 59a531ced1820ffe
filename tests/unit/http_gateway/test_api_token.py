"""The sources of the token, and when a gateway may start without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.core.errors import InvalidRequest
from http_gateway.access.api_token import exposed_file, load_token, serving_token, token_source
from http_gateway.process import serve as serving
from orchestrator.settings import Settings

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TANDEM_API_TOKEN", "TANDEM_API_TOKEN_FILE", "TANDEM_HOST", "TANDEM_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "api_token"
    path.touch(mode=0o600)
    return path


def settings(host: str = "127.0.0.1", file: Path | None = None) -> Settings:
    return Settings(host=host, api_token_file=file)


def test_without_any_there_is_none() -> None:
    assert load_token(settings()) is None and token_source(settings()) is None


def test_it_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    assert load_token(settings()) == TOKEN
    assert token_source(settings()) == "TANDEM_API_TOKEN"


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"\n{TOKEN} \r\n"])
def test_it_comes_from_a_file_whose_line_may_end(
    monkeypatch: pytest.MonkeyPatch, file: Path, content: str
) -> None:
    file.write_text(content)
    monkeypatch.setenv("TANDEM_API_TOKEN_FILE", str(file))
    assert load_token(Settings()) == TOKEN
    assert token_source(Settings()) == f"the file {file}"


def test_the_variable_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    assert load_token(settings(file=file.with_name("gone"))) == TOKEN
    assert token_source(settings(file=file)) == "TANDEM_API_TOKEN"


@pytest.mark.parametrize("name", ["gone", "."])
def test_a_file_that_can_not_be_read_is_named(file: Path, name: str) -> None:
    path = file.parent / name
    with pytest.raises(InvalidRequest, match=rf"api_token_file names {path}, which can't be read"):
        load_token(settings(file=path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has 0 characters, but must have 16 to 512"),
        (b"short\n", "has 5 characters"),
        (b"two words of a token", "has a space"),
        (b"a token\nand another line", "has a space"),
        ("mot-de-passe-très-caché".encode(), "outside ASCII"),
        (b"\xff\xfe" + b"x" * 20, "outside ASCII"),
        (b"x" * 1_000_000, "has 65536 characters"),
    ],
)
def test_a_file_without_a_proper_token_is_refused_and_not_shown(
    file: Path, content: bytes, words: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidRequest, match=f"The token of the file {file} has") as caught:
        load_token(settings(file=file))
    assert words in caught.value.message
    assert not [word for word in ("short", "another", "passe") if word in caught.value.message]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_a_gateway_that_others_reach_needs_one(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(InvalidRequest, match="export TANDEM_API_TOKEN="):
        serving_token(settings(host))
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    assert serving_token(settings(host)) == TOKEN


def test_on_loopback_one_is_asked_for_if_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serving_token(settings()) is None
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    assert serving_token(settings()) == TOKEN


@pytest.mark.parametrize(
    ("mode", "exposed"),
    [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o602, True)],
)
def test_a_file_that_others_can_read_is_told_of(file: Path, mode: int, exposed: bool) -> None:
    file.chmod(mode)
    assert exposed_file(settings(file=file)) == (file if exposed else None)


def test_a_file_that_does_not_count_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    assert exposed_file(settings()) is None
    file.chmod(0o644)
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    assert exposed_file(settings(file=file)) is None


def test_it_is_refused_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_listening_socket", lambda *_: pytest.fail("it listens"))
    with pytest.raises(InvalidRequest, match="without a token"):
        serving.serve(settings("0.0.0.0"))


def test_an_address_that_is_not_this_hosts_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    with pytest.raises(serving.PortTaken, match=r"on 192\.0\.2\.1 .* address of this host; 0\.0\."):
        serving.serve(Settings(host="192.0.2.1", port=0))
