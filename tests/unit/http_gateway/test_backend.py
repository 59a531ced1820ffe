"""A gateway's work before it serves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from http_gateway.process.backend import _say_other_settings, imported_meanwhile

if TYPE_CHECKING:
    from http_gateway.calls.ray_job_client import RayJobClient

SLOW = """
import threading
is_whole = False
threading.Event().wait(0.3)  # what takes its time
is_whole = True
"""


@pytest.fixture
def slow_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "a_module_that_takes_its_time"
    (tmp_path / f"{name}.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_a_module_is_whole_once_the_work_beside_it_is_done(slow_module: str) -> None:
    with imported_meanwhile(slow_module):
        pass

    assert sys.modules[slow_module].is_whole


def test_work_that_fails_leaves_no_module_half_made(slow_module: str) -> None:
    with pytest.raises(ValueError, match="no cluster"), imported_meanwhile(slow_module):
        raise ValueError("no cluster")

    assert sys.modules[slow_module].is_whole


def test_a_module_that_cannot_be_imported_fails_where_it_is_needed(slow_module: str) -> None:
    broken = "a_module_that_is_not_there"
    with imported_meanwhile(broken), imported_meanwhile(slow_module):
        pass

    assert sys.modules[slow_module].is_whole
    with pytest.raises(ModuleNotFoundError, match=broken):
        __import__(broken)


def test_addresses_of_tools_are_shown_without_what_may_be_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Client:
        def settings_not_in_force(self) -> dict[str, Any]:
            return {
                "webhook_url": "https://me:word@hooks.example:8443/services/secret?key=secret",
                "mlflow_uri": None,
                "channel": "gloo",
            }

    _say_other_settings(cast("RayJobClient", Client()))
    printed = capsys.readouterr().out
    assert "'https://hooks.example:8443'" in printed and "'gloo'" in printed
    assert "mlflow_uri None" in printed
    assert "secret" not in printed and "word" not in printed
