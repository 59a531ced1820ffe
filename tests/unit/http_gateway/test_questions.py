"""Exactly one form of a question in a request, and only one that the network can take."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from actors.core.asking.asked_images import AskedImages
from actors.core.asking.asked_table import AskedTable
from actors.core.asking.prompts import Prompts
from actors.core.asking.table_rows import TableRows
from actors.core.input_form import Column, InputForm
from http_gateway.operations import questions
from tests.support.answers import error_of
from tests.support.fake_job_client import FakeJobClient

PREDICT = "/api/jobs/1/predict"
IMAGE = InputForm((3, 6, 8), is_pixels=True)
TABLE = InputForm((2,), columns=(Column("a"), Column("b")))
TEXT = InputForm((4,), num_tokens=256, is_bytes=True)


def form(*images: bytes, **fields: Any) -> dict[str, Any]:
    files = [(io.BytesIO(own), f"{i}.png") for i, own in enumerate(images)]
    return {"data": {"image": files, **fields}, "content_type": "multipart/form-data"}


def refused(http: FlaskClient, status: int = 400, **sent: Any) -> str:
    return error_of(http.post(PREDICT, **sent), status)


def asked(http: FlaskClient, fake: FakeJobClient, **sent: Any) -> Any:
    response = http.post(PREDICT, **sent)
    assert response.status_code == 200, response.json
    ((_, (_, question)),) = fake.calls
    return question


def test_image_files_come_as_a_form(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = IMAGE
    question = asked(http, fake, **form(b"one", b"two"))
    assert isinstance(question, AskedImages)
    assert [own.content for own in question.images] == [b"one", b"two"]
    assert "1.png" in question.images[1].place


def test_rows_come_as_objects(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = TABLE
    rows: list[dict[str, Any]] = [{"a": 1, "b": "x"}, {"b": None, "a": True}]
    assert asked(http, fake, json={"rows": rows}) == TableRows(tuple(rows))


def test_prompts_have_defaults(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = TEXT
    assert asked(http, fake, json={"prompts": ["To be"]}) == Prompts(("To be",), 100)
    fake.calls.clear()
    given = {"max_tokens": 3, "temperature": 0, "top_k": 5, "seed": 7, "prompts": ["a", "b"]}
    assert asked(http, fake, json=given) == Prompts(("a", "b"), 3, 0.0, 5, 7)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["none of them", "inputs, rows, prompts"]),
        ({"k": 1}, ["none of them"]),
        ({"rows": [{"a": 1}], "prompts": ["a"]}, ["rows and prompts"]),
        ({"inputs": [[1, 2]], "rows": [{"a": 1}]}, ["rows"]),
        ({"rows": []}, ["rows has 0 entries", "1 to 10000"]),
        ({"rows": [3]}, ["rows[0] is 3"]),
        ({"rows": [{"a": [1]}]}, ["rows[0].a is [1]", "a number, a text"]),
        ({"rows": [{"a": 1}], "seed": 1}, ['no field "seed"']),
    ],
    ids=str,
)
def test_what_is_no_question_for_a_table_is_refused(
    http: FlaskClient, fake: FakeJobClient, body: dict[str, Any], named: list[str]
) -> None:
    fake.form = TABLE
    text = refused(http, json=body)
    assert all(word in text for word in named), text


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"prompts": "a"}, ["prompts is 'a'"]),
        ({"prompts": []}, ["prompts has 0 entries", "1 to 64"]),
        ({"prompts": [1]}, ["prompts[0] is 1"]),
        ({"prompts": [""]}, ["prompts[0]"]),
        ({"prompts": ["a"], "max_tokens": 0}, ["max_tokens is 0", "1 to 10000"]),
        ({"prompts": ["a"], "temperature": -1}, ["temperature is -1", "0 to 100"]),
        ({"prompts": ["a"], "top_k": 0}, ["top_k is 0"]),
        ({"prompts": ["a"], "seed": 2**32}, ["seed is"]),
        ({"prompts": ["a"], "temprature": 1}, ['did you mean "temperature"?']),
    ],
    ids=str,
)
def test_what_is_no_question_for_a_text_is_refused(
    http: FlaskClient, fake: FakeJobClient, body: dict[str, Any], named: list[str]
) -> None:
    fake.form = TEXT
    text = refused(http, json=body)
    assert all(word in text for word in named), text


def test_a_form_that_the_network_can_not_take_is_refused_before_it_is_read(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    for taken, sent, named in [
        (TABLE, form(b"x"), "image is for networks that were trained on images"),
        (IMAGE, {"data": b'{"rows": [nonsense'}, "rows is for networks that were trained on a t"),
        (TABLE, {"data": b'{"prompts": [nonsense'}, "prompts is for networks"),
        (TABLE, {"data": b'{"seed": 1, nonsense'}, "prompts is for networks"),
    ]:
        fake.form = taken
        text = refused(http, **sent)
        assert text.startswith(named) and ", ".join(taken.ways) in text


def test_a_form_has_images_alone(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = IMAGE
    for sent, named in [
        ({"data": {"picture": (io.BytesIO(b"x"), "a.png")}}, '"picture"'),
        (form(b"x", seed="1"), '"seed"'),
        ({"data": {}, "content_type": "multipart/form-data"}, "image is missing"),
        ({"data": b"x", "content_type": "multipart/form-data; boundary=b"}, "image is missing"),
        (form(*[b"x"] * 257), "257 entries"),
    ]:
        assert named in refused(http, **sent)


def test_rows_and_prompts_come_in_bounded_bodies(
    http: FlaskClient, fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MAX_PARSED_BYTES", 100)
    fake.form = TABLE
    assert "send fewer" in refused(http, json={"rows": [{"a": "x" * 100}]})


def test_a_row_may_have_many_columns(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = TABLE
    row = {f"column {n}": n for n in range(1000)}
    assert asked(http, fake, json={"rows": [row]}).table == (row,)


def table(*files: tuple[str, bytes], **options: str) -> dict[str, Any]:
    sent = [(io.BytesIO(content), name) for name, content in files]
    return {"data": {"table": sent, **options}, "content_type": "multipart/form-data"}


def test_a_tables_file_comes_as_a_form(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.form = TABLE
    long = "a" * 300 + ".csv"
    question = asked(http, fake, **table((long, b"\xff;1"), delimiter=";", header="false"))
    assert question == AskedTable(long[-200:], b"\xff;1", {"delimiter": ";", "header": "false"})


def test_a_form_has_one_table(
    http: FlaskClient, fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MAX_PARSED_BYTES", 100)
    for taken, sent, named in [
        (TABLE, table(("a.csv", b"x"), ("b.csv", b"y")), "2 times"),
        (TABLE, {"data": {"table": "a.csv"}, "content_type": "multipart/form-data"}, "0 times"),
        (TABLE, table(("a.csv", b"x" * 101)), "the limit"),
        (TABLE, {"data": {"picture": (io.BytesIO(b"x"), "a.png")}}, '"picture"'),
        (IMAGE, table(("a.csv", b"x")), "table is for networks that were trained on a table"),
        (TEXT, table(("a.csv", b"x")), "is for networks"),
    ]:
        fake.form = taken
        assert named in refused(http, **sent)
