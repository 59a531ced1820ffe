from __future__ import annotations

import inspect
from types import FunctionType

import pytest

from http_gateway.job_client import JobClient
from tests.support.fake_job_client import FakeJobClient

METHODS = [n for n, v in vars(JobClient).items() if isinstance(v, FunctionType) and n[0] != "_"]


def test_the_protocol_has_the_methods_of_the_routes() -> None:
    assert len(METHODS) == 29


@pytest.mark.parametrize("method", METHODS)
def test_the_fake_has_the_protocols_signature(method: str) -> None:
    promised = inspect.signature(getattr(JobClient, method), eval_str=True)
    assert inspect.signature(getattr(FakeJobClient, method), eval_str=True) == promised


def test_the_fake_adds_nothing_that_a_route_could_come_to_rely_on() -> None:
    own = {n for n, v in vars(FakeJobClient).items() if isinstance(v, FunctionType)}
    assert {n for n in own if n[0] != "_"} - {"forget"} == set(METHODS)


def test_type_checkers_take_the_fake_for_a_job_client() -> None:
    fake: JobClient = FakeJobClient()
    assert fake.create_job({}, {}, {}) == "1"


def test_a_call_is_remembered_and_an_error_raised() -> None:
    fake = FakeJobClient(errors={"get_job": KeyError("7")})
    with pytest.raises(KeyError):
        fake.get_job("7")
    assert fake.calls == [("get_job", ("7", None, None))]
