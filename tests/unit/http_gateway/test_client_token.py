"""TandemClient with a token, against an application that asks for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from werkzeug.serving import make_server

from actors.core.errors import InvalidRequest
from http_gateway.app import create_app
from http_gateway.cli.connection import make_client
from http_gateway.client import ApiError, TandemClient
from tests.support.fake_job_client import SUMMARY, FakeJobClient

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = create_app(FakeJobClient(), token=TOKEN, version="9.8.7")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_with_the_token_every_call_is_answered(url: str) -> None:
    with TandemClient(url, token=TOKEN) as client:
        assert client.list_jobs() == [SUMMARY]
        client.initialize("1")


@pytest.mark.parametrize("token", [None, "another-token-altogether"])
def test_without_it_the_error_says_how_to_give_it(url: str, token: str | None) -> None:
    with TandemClient(url, token=token) as client, pytest.raises(ApiError) as caught:
        client.list_jobs()
    assert caught.value.status == 401
    assert "token=…" in caught.value.message and "TANDEM_API_TOKEN" in caught.value.message
    assert TOKEN not in str(caught.value) and "altogether" not in str(caught.value)


def test_it_is_not_taken_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    with TandemClient(url) as client, pytest.raises(ApiError, match="needs its token") as caught:
        client.list_jobs()
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "token",
    ["", "short", "with a space in the middle", "line\nline-secret-x", "naïve-secret-token"],
)
def test_one_that_can_not_be_is_refused_at_once_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidRequest, match="The token of TandemClient") as caught:
        TandemClient("http://127.0.0.1:1", token=token)
    assert "middle" not in str(caught.value) and "secret-" not in str(caught.value)


def test_a_netrc_does_not_come_before_it(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with TandemClient(url, token=TOKEN) as client:
        client._session.trust_env = True  # as for a gateway that is not on this host
        assert client.list_jobs() == [SUMMARY]


def test_it_does_not_follow_a_redirect_to_another_host(url: str) -> None:
    with TandemClient(url, token=TOKEN) as client:
        request = requests.Request("GET", f"{url}/api/jobs")
        prepared = client._session.prepare_request(request)
        assert prepared.headers["Authorization"] == f"Bearer {TOKEN}"
        response = requests.Response()
        response.request = prepared.copy()
        prepared.url = "http://evil.example/api/jobs"
        client._session.rebuild_auth(prepared, response)
    assert "Authorization" not in prepared.headers


@pytest.mark.parametrize("by_file", [False, True])
def test_the_commands_take_it_from_the_users_settings(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by_file: bool
) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", "" if by_file else TOKEN)
    file = tmp_path / "api_token"
    file.write_text(TOKEN + "\n")
    monkeypatch.setenv("TANDEM_API_TOKEN_FILE", str(file))
    with make_client(url) as client:
        assert client.list_jobs() == [SUMMARY]


@pytest.mark.parametrize(
    ("token", "said"),
    [("", "asks for its token"), ("x" * 20, "does not accept the token")],
)
def test_a_command_tells_a_user_of_commands_where_the_token_goes(
    url: str, monkeypatch: pytest.MonkeyPatch, token: str, said: str
) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", token)
    with pytest.raises(InvalidRequest) as caught, make_client(url) as client:
        client.list_jobs()
    text = caught.value.message
    assert url in text and said in text and "set TANDEM_API_TOKEN here" in text
    assert "curl" not in text and "x" * 20 not in text


def test_it_is_in_no_representation() -> None:
    with TandemClient("http://127.0.0.1:1", token=TOKEN) as client:
        assert TOKEN not in repr(client) + repr(client._session.auth) + repr(vars(client))
