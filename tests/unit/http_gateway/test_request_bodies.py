"""Bodies that are not the JSON object they should be; none of them reaches the JobClient."""

from __future__ import annotations

import io
import json
import sys

import pytest
from flask.testing import FlaskClient

from http_gateway.app import create_app
from tests.support.answers import error_of
from tests.support.fake_job_client import FakeJobClient

TRAIN = "/api/network/train/1"
POSTS = [
    "/api/jobs",
    "/api/devices/register",
    "/api/network/initialize/1",
    TRAIN,
    "/api/jobs/1/stop",
    "/api/jobs/1/resume",
    "/api/jobs/1/predict",
]
NO_JSON = [b"epochs=3", b"{", b'{"epochs": }', b"{'epochs': 3}", b"{} {}", b"\x00", b"nul"]


def test_what_is_no_json_is_refused(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body in NO_JSON:
        for path in POSTS:
            with subtests.test(body=body, path=path):
                assert "not valid JSON" in error_of(http.post(path, data=body), 400)
                assert fake.calls == []


def test_what_is_no_object_is_refused_by_its_kind(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body, kind in [
        ("[1]", "array"),
        ('"x"', "string"),
        ("1", "number"),
        ("1.5", "number"),
        ("NaN", "number"),
        ("true", "boolean"),
        ("null", "null"),
    ]:
        for path in POSTS:
            with subtests.test(body=body, kind=kind, path=path):
                text = error_of(http.post(path, data=body), 400)
                assert f"is a JSON {kind}, but must be an object" in text
                assert fake.calls == []


def test_what_is_no_utf_8_is_refused(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body in [b"\xff", b'{"epochs": "\xff"}', b'{"\xc3": 1}', b"\xff\xfe\x00"]:
        with subtests.test(body=body):
            assert "not valid JSON" in error_of(http.post(TRAIN, data=body), 400)
            assert fake.calls == []


def test_deep_nesting_is_refused(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for opening, closing in [("[", "]"), ('{"a":', "}")]:
        for depth in [10, 500, *range(900, 1100, 7), 100_000]:
            with subtests.test(opening=opening, closing=closing, depth=depth):
                nested = opening * depth + "1" + closing * depth
                text = error_of(http.post(TRAIN, data=f'{{"epochs": {nested}}}'), 400)
                assert "nested too deeply" in text or text.startswith("epochs is ")
                assert fake.calls == []


def test_an_integer_of_thousands_of_digits_is_refused_by_its_length(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body in ['{"epochs": %s}', '{"epochs": [1, -%s]}', "%s"]:
        with subtests.test(body=body):
            text = error_of(http.post(TRAIN, data=body % ("9" * 5000)), 400)
            assert "digits" in text and str(sys.get_int_max_str_digits()) in text
            assert "not valid JSON" not in text and "sys." not in text
            assert fake.calls == []


def test_an_integer_that_python_can_just_read_is_refused_by_its_field(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    text = error_of(http.post(TRAIN, data='{"epochs": %s}' % ("9" * 4300)), 400)
    assert text.startswith("epochs is 999") and text.endswith("an integer from 1 to 100000")
    assert fake.calls == []


def test_a_field_given_twice_is_refused_by_its_name(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path, body, name in [
        (TRAIN, '{"epochs": 1, "learning_rate": 0.1, "epochs": 1}', "epochs"),
        ("/api/jobs", '{"dataset_config": {"name": "MNIST", "name": "digits"}}', "name"),
    ]:
        with subtests.test(path=path, body=body, name=name):
            assert f'the field "{name}" twice' in error_of(http.post(path, data=body), 400)
            assert fake.calls == []


def test_an_object_of_very_many_fields_is_refused_by_their_number(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in ["/api/jobs", TRAIN]:
        with subtests.test(path=path):
            body = {"dataset_config": {f"field{i}": i for i in range(50_000)}}
            text = error_of(http.post(path, json=body), 400)
            assert "an object of 50000 fields" in text and "at most 100" in text
            assert fake.calls == []


def test_a_body_of_the_largest_size_is_read_and_a_larger_one_refused(fake: FakeJobClient) -> None:
    http = create_app(fake, max_request_body_bytes=100, version="0").test_client()
    body = json.dumps({"epochs": 1}).ljust(100)
    assert http.post(TRAIN, data=body).status_code == 200
    fake.forget()
    text = error_of(http.post(TRAIN, data=body + " "), 413)
    assert "100 bytes" in text
    assert fake.calls == []


def test_a_body_of_unknown_length_is_limited_too(fake: FakeJobClient) -> None:
    http = create_app(fake, max_request_body_bytes=100, version="0").test_client()
    unknown = {"wsgi.input_terminated": True}
    body = io.BytesIO(b'{"epochs": 1}' + b" " * 88)
    assert "100 bytes" in error_of(http.post(TRAIN, input_stream=body, environ_base=unknown), 413)
    assert fake.calls == []


def test_a_byte_order_mark_is_no_obstacle(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.post(TRAIN, data=b'\xef\xbb\xbf{"epochs": 3}').status_code == 200
    assert fake.calls == [("train", ("1", {"epochs": 3}))]


def test_an_offer_to_speak_another_protocol_is_not_taken_up(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for protocol in ["websocket", "h2c", "TLS/1.0"]:
        with subtests.test(protocol=protocol):
            fake.forget()
            headers = {"Connection": "Upgrade", "Upgrade": protocol}
            assert http.get("/api/jobs", headers=headers).status_code == 200
            assert http.get("/health", headers=headers).status_code == 200
            assert fake.calls == [("list_jobs", ())]
