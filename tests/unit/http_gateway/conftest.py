"""One application over one fake JobClient serves every test; each finds the fake as new."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from http_gateway.app import create_app
from tests.support.fake_job_client import FakeJobClient

FAKE = FakeJobClient()
APP = create_app(FAKE, version="9.8.7")


@pytest.fixture
def fake() -> FakeJobClient:
    FAKE.forget()
    return FAKE


@pytest.fixture
def http(fake: FakeJobClient) -> FlaskClient:
    return APP.test_client()
