"""A gateway's work before it serves."""

import sys
from pathlib import Path

import pytest

from http_gateway.process.backend import imported_meanwhile

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
