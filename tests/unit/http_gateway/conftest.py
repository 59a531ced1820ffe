"""One application over one fake JobClient serves every test; each finds the fake as new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from http_gateway.app import create_app
from http_gateway.client import TandemClient
from tests.support.fake_job_client import FakeJobClient
from tests.support.served import served

FAKE = FakeJobClient()
APP = create_app(FAKE, version="9.8.7")


@pytest.fixture
def fake() -> FakeJobClient:
    FAKE.forget()
    return FAKE


@pytest.fixture
def http(fake: FakeJobClient) -> FlaskClient:
    return APP.test_client()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of a server over the same fake."""
    with served(FAKE) as url:
        yield url


@pytest.fixture
def client(url: str, fake: FakeJobClient) -> Iterator[TandemClient]:
    with TandemClient(url, timeout_s=10.0) as client:
        yield client
