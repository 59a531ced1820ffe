"""An error about a Ray address from another tool's variable names the variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from http_gateway.process.backend import start_backend
from http_gateway.process.stop import stop_everything
from orchestrator.errors import TandemError
from orchestrator.settings import Settings, load_settings
from tests.support.ports import free_ports


def refused(do: Callable[[Settings], Any], settings: Settings) -> str:
    with pytest.raises(TandemError) as caught:
        do(settings)
    return caught.value.message


@pytest.fixture(autouse=True)
def _no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """They set variables of this process for Ray, which nothing after them is to see."""
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.parametrize("do", [start_backend, lambda s: stop_everything(s, print)])
@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "ray://127.0.0.1:10001", "auto", ""])
def test_one_that_does_not_do_names_the_variable(
    do: Callable[[Settings], Any], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address or f"127.0.0.1:{free_ports(1)[0]}"  # where nothing listens
    monkeypatch.setenv("RAY_ADDRESS", address)
    told = refused(do, load_settings(storage_path=tmp_path))
    assert "the variable RAY_ADDRESS" in told and "TANDEM_RAY_ADDRESS" in told
    assert address in told


def test_one_that_was_given_to_tandem_itself_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    settings = load_settings(storage_path=tmp_path, ray_address="ray://10.0.0.1:10001")
    assert "the variable RAY_ADDRESS" not in refused(start_backend, settings)


def test_a_port_that_is_left_out_is_that_of_a_head() -> None:
    assert load_settings(ray_address="10.0.0.1").ray_address == "10.0.0.1:6379"
    assert load_settings(ray_address="fd00::1").ray_address == "[fd00::1]:6379"


def test_where_nothing_listens_at_an_ipv6_address_it_is_told_whole(tmp_path: Path) -> None:
    address = f"[::1]:{free_ports(1)[0]}"
    told = refused(start_backend, load_settings(storage_path=tmp_path, ray_address=address))
    assert f"Nothing answers at the Ray address {address}" in told
