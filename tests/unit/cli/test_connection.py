"""How a command finds its gateway, and its message if there is none."""

from __future__ import annotations

import os
from socket import gaierror

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.cli.connection import gateway_url, make_client, no_answer_text
from tests.support.ports import free_ports


def test_the_flag_comes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TANDEM_URL", raising=False)
    assert gateway_url(None) == "http://127.0.0.1:4000"
    monkeypatch.setenv("TANDEM_URL", "")
    assert gateway_url(None) == "http://127.0.0.1:4000"
    monkeypatch.setenv("TANDEM_URL", "http://192.168.1.5:4000/")
    assert gateway_url(None) == "http://192.168.1.5:4000"
    assert gateway_url("https://[::1]:4001") == "https://[::1]:4001"


@pytest.mark.parametrize(
    "wrong", ["localhost:4000", "4000", "ftp://a:1", "http://", "http://a:99999", "http://[::1"]
)
def test_an_address_that_is_none_is_refused_with_its_source(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    with pytest.raises(
        InvalidRequest, match=r"--url is .* like http://127\.0\.0\.1:4000"
    ) as caught:
        gateway_url(wrong)
    assert repr(wrong) in caught.value.message
    monkeypatch.setenv("TANDEM_URL", wrong)
    with pytest.raises(InvalidRequest, match="TANDEM_URL is"):
        gateway_url(None)


def test_no_gateway_is_told_with_its_address_and_the_remedy() -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    said = f"No gateway answers at {url}: .*`tandem serve`"
    with pytest.raises(Unavailable, match=said), make_client(url) as client:
        client.list_jobs()


def test_a_host_that_is_not_known_is_told_as_that() -> None:
    cause = NameResolutionError("gone", HTTPConnection("gone"), gaierror("unknown"))
    error = requests.ConnectionError(MaxRetryError(HTTPConnectionPool("gone"), "/", cause))
    assert "gone, which http://gone:4000 names" in no_answer_text("http://gone:4000", error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.ProxyError(), "NO_PROXY"),
        (requests.exceptions.JSONDecodeError("", "", 0), "is not Tandem's gateway"),
        (requests.ReadTimeout(), "did not answer in time"),
        (requests.ConnectTimeout(), "`tandem serve --host 0.0.0.0` and TANDEM_API_TOKEN"),
    ],
)
def test_why_there_is_no_answer_is_told(error: requests.RequestException, said: str) -> None:
    text = no_answer_text("http://10.0.0.1:4000", error)
    assert "http://10.0.0.1:4000" in text and said in text


@pytest.mark.parametrize(
    ("variable", "proxy"),
    [
        ("all_proxy", "socks5://me:secret@127.0.0.1:9"),
        ("http_proxy", "http://me:secret@127.0.0.1:9"),
        ("HTTP_PROXY", "me:secret@:no port:"),
    ],
)
def test_a_proxy_in_the_way_is_told_by_its_variable_and_without_its_password(
    variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_proxies(monkeypatch)
    monkeypatch.setenv(variable, proxy)
    url = "http://192.0.2.77:4000"
    with pytest.raises(Unavailable) as caught, make_client(url) as client:
        client.list_jobs()
    text = caught.value.message
    assert variable in text and "NO_PROXY=192.0.2.77" in text and "secret" not in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_no_proxy_leads_to_this_very_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_proxies(monkeypatch)
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    url = f"http://{host}:{free_ports(1)[0]}"
    with pytest.raises(Unavailable, match="No gateway answers"), make_client(url) as client:
        client.list_jobs()


def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
