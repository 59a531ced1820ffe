"""GET /api/devices: what the JobManager lists, and the command that registers each."""

from __future__ import annotations

import json
import shlex
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from tests.support.answers import json_of
from tests.support.fake_job_client import DEVICE, FakeJobClient

DETAILS = ("node_id", "host_name", "cores", "accelerators", "os", "memory_bytes")
GONE = {
    **DEVICE,
    **dict.fromkeys((*DETAILS, "available_memory_bytes", "versions")),
    "status": "gone",
    "probe_error": "No live Ray node answers to 192.168.1.6:5001",
}


def listed(http: FlaskClient, **request: Any) -> list[dict[str, Any]]:
    response = http.get("/api/devices", **request)
    assert response.status_code == 200
    body = json_of(response)
    assert list(body) == ["devices"]
    devices: list[dict[str, Any]] = body["devices"]
    return devices


def test_devices_are_listed_as_the_job_client_knows_them(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    (device,) = listed(http)
    assert list(device) == [*DEVICE, "register"]
    assert {name: device[name] for name in DEVICE} == DEVICE
    assert fake.calls == [("list_devices", ())]


def test_no_devices_are_an_empty_list(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.answers["list_devices"] = []
    assert listed(http) == []


@pytest.mark.parametrize("url", ["http://localhost:4000/", "http://10.0.0.7:8080/"])
def test_the_command_registers_the_device_where_the_gateway_was_reached(
    http: FlaskClient, url: str
) -> None:
    (device,) = listed(http, base_url=url)
    assert device["register"] == (
        f"curl -X POST {url}api/devices/register -H 'Content-Type: application/json' "
        """-d '{"ip": "192.168.1.6", "port": 5001, "job_id": "<job_id>"}'"""
    )


def test_the_body_of_the_command_is_what_the_api_takes(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    (device,) = listed(http)
    words = shlex.split(device["register"])
    body = json.loads(words[words.index("-d") + 1].replace("<job_id>", "7"))
    assert http.post("/api/devices/register", json=body).status_code == 201
    assert fake.calls[-1] == ("register_device", ("192.168.1.6", 5001, "7"))


def test_a_device_that_is_gone_has_no_command(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.answers["list_devices"] = [GONE]
    (device,) = listed(http)
    assert device == {**GONE, "register": None}


@pytest.mark.parametrize("device", [DEVICE, GONE], ids=["live", "gone"])
def test_the_answer_is_as_documented(
    http: FlaskClient, fake: FakeJobClient, device: dict[str, Any]
) -> None:
    fake.answers["list_devices"] = [device]
    components = json_of(http.get("/openapi.json"))["components"]
    schema = {"$ref": "#/components/schemas/DeviceList", "components": components}
    jsonschema.Draft202012Validator(schema).validate({"devices": listed(http)})
    fields = set(components["schemas"]["ListedDevice"]["properties"])
    assert fields == {*DEVICE, "register"}
