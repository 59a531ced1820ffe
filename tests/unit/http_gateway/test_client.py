"""TandemClient against the application behind a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.operations import special
from http_gateway.operations.operation import Operation
from http_gateway.operations.table import OPERATIONS
from http_gateway.operations.table.observing import LineList, Trace
from orchestrator.errors import DeviceBusy, Unavailable
from tests.support.fake_job_client import (
    ARCHITECTURES,
    CHECKPOINTS,
    CURVES,
    DATASET,
    DETAILS,
    DEVICE,
    DOCTOR,
    EVENT_PAGE,
    LAYER_KINDS,
    MODEL,
    PREDICTION,
    READY,
    SOURCES,
    STEP_LOSSES,
    SUMMARY,
    TERAFLOPS,
    VERIFIED,
    WEIGHTS,
    FakeJobClient,
    example_of,
)
from tests.support.plans import MEASURED, PLAN
from tests.support.ports import free_ports
from tests.support.served import served

TOLD = {
    operation.name: FakeJobClient().usual(operation)
    for operation in OPERATIONS
    if operation.name in ("inspect_dataset", "get_dataset", "evaluate")
}
TRACE = example_of(Trace)

SERVED = FakeJobClient()
GATEWAYS_OWN = [operation for operation in OPERATIONS if operation.name in special.GATEWAYS_OWN]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server on a free port; ended when the module's tests are done."""
    with served(SERVED) as url:
        yield url


@pytest.fixture
def fake() -> FakeJobClient:
    SERVED.forget()
    return SERVED


@pytest.fixture
def client(url: str) -> Iterator[TandemClient]:
    with TandemClient(url + "/", timeout_s=10.0) as client:
        yield client


def _without_commands(devices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the part that the route adds, which contains the server's port."""
    return [{k: v for k, v in device.items() if k != "register"} for device in devices]


COMPARED: dict[str, Any] = {"jobs": [], "differences": {}, "results": {}}
CALLS: list[tuple[Callable[[TandemClient], Any], str, tuple[Any, ...], Any]] = [
    (lambda c: c.create_job(MODEL, DATASET), "create_job", (MODEL, DATASET), "1"),
    (
        lambda c: c.create_job(MODEL, DATASET, failure_policy={"min_devices": 2}, checkpoints={}),
        "create_job",
        (MODEL, DATASET, {"min_devices": 2}, {}),
        "1",
    ),
    (
        lambda c: c.create_job(MODEL, DATASET, train_config={"epochs": 2}, task="binary"),
        "create_job",
        (MODEL, DATASET, {"epochs": 2}, "binary"),
        "1",
    ),
    (lambda c: c.list_jobs(), "list_jobs", (), [SUMMARY]),
    (lambda c: c.compare_jobs("3,5"), "compare_jobs", ("3,5",), COMPARED),
    (lambda c: c.get_job("7"), "get_job", ("7", None, 1_000), DETAILS),
    (
        lambda c: c.get_job("7", after_epoch=3, history_limit=0),
        "get_job",
        ("7", 3, 0),
        DETAILS,
    ),
    (lambda c: c.delete_job("7"), "delete_job", ("7", False), None),
    (lambda c: c.delete_job("7", force=True), "delete_job", ("7", True), None),
    (
        lambda c: c.resume_job("7"),
        "resume_job",
        ("7",),
        {"message": "Training resumed", "status": "training"},
    ),
    (lambda c: c.list_checkpoints("7"), "list_checkpoints", ("7",), CHECKPOINTS),
    (lambda c: c.list_events("7"), "list_events", ("7", None, 1_000, None), EVENT_PAGE),
    (
        lambda c: c.list_events("7", after=4, limit=2, kinds="status,lost"),
        "list_events",
        ("7", 4, 2, "status,lost"),
        EVENT_PAGE,
    ),
    (lambda c: c.list_all_events(after=4), "list_all_events", (4, 1_000, None), EVENT_PAGE),
    (lambda c: c.get_metrics("7"), "get_metrics", ("7", None, None, 1_000), CURVES),
    (
        lambda c: c.get_metrics("7", names="loss", after=4, max_points=2),
        "get_metrics",
        ("7", "loss", 4, 2),
        CURVES,
    ),
    (
        lambda c: c.get_metrics("7", format="csv"),
        "get_metrics",
        ("7", None, None, 1_000),
        b"name,step,at,value\nloss,1,,2.5\nloss,2,1767323042.5,\nloss,3,1767323043.0,2.25\n",
    ),
    (lambda c: c.list_steps("7"), "list_steps", ("7", 0, 0, 10_000), STEP_LOSSES),
    (
        lambda c: c.list_steps("7", after_epoch=2, after_step=3, limit=5),
        "list_steps",
        ("7", 2, 3, 5),
        STEP_LOSSES,
    ),
    (
        lambda c: c.stop_job("7"),
        "stop_job",
        ("7",),
        {"message": "Job stopping", "status": "training"},
    ),
    (lambda c: _without_commands(c.list_devices()), "list_devices", (), [DEVICE]),
    (
        lambda c: c.register_device("10.0.0.2", 5001, "7"),
        "register_device",
        ("10.0.0.2", 5001, "7"),
        1,
    ),
    (lambda c: c.unregister_device(5001), "unregister_device", (5001, None, None), None),
    (
        lambda c: c.unregister_device(5001, ip="::1", job_id="7"),
        "unregister_device",
        (5001, "::1", "7"),
        None,
    ),
    (lambda c: c.initialize("7"), "initialize", ("7", {}), None),
    (
        lambda c: c.initialize("7", partition="even", devices={"2": {"threads": 1}}),
        "initialize",
        ("7", {"partition": "even", "devices": {"2": {"threads": 1}}}),
        None,
    ),
    (
        lambda c: c.plan("7", schedule="auto", num_microbatches="auto"),
        "plan",
        ("7", {"schedule": "auto", "num_microbatches": "auto"}),
        PLAN,
    ),
    (lambda c: c.get_plan("7"), "get_plan", ("7",), {**PLAN, "measured": MEASURED}),
    (
        lambda c: c.train("7"),
        "train",
        ("7", {}),
        {"message": "Training started", "epochs": 10, "learning_rate": 0.1},
    ),
    (
        lambda c: c.train("7", epochs=2, schedule="gpipe"),
        "train",
        ("7", {"epochs": 2, "schedule": "gpipe"}),
        {"message": "Training started", "epochs": 2, "learning_rate": 0.1},
    ),
    (lambda c: c.trace("7", steps=3), "trace", ("7", 3), TRACE),
    (lambda c: c.list_logs("7", after=4), "list_logs", ("7", 4, 1_000), example_of(LineList)),
    (lambda c: c.verify("7"), "verify", ("7",), VERIFIED),
    (lambda c: c.verify("7", steps=20), "verify", ("7", 20), VERIFIED),
    (lambda c: c.predict("7", [[1.5, 0.0]]), "predict", ("7", [[1.5, 0.0]]), PREDICTION),
    (lambda c: c.evaluate("7"), "evaluate", ("7",), TOLD["evaluate"]),
    (lambda c: c.get_model("7"), "get_model", ("7", "safetensors", None), WEIGHTS),
    (lambda c: c.clone_job("7"), "clone_job", ("7",), "2"),
    (lambda c: c.previous_teraflops(), "previous_teraflops", (None,), TERAFLOPS),
    (lambda c: c.previous_teraflops(limit=3), "previous_teraflops", (3,), TERAFLOPS),
    (lambda c: c.list_layers(), "list_layers", (), LAYER_KINDS),
    (lambda c: c.list_architectures(), "list_architectures", (), ARCHITECTURES),
    (lambda c: c.list_sources(), "list_sources", (), SOURCES),
    (lambda c: c.list_datasets(), "list_datasets", (), []),
    (lambda c: c.get_dataset("pets"), "get_dataset", ("pets",), TOLD["get_dataset"]),
    (lambda c: c.delete_dataset("pets"), "delete_dataset", ("pets", False), None),
    (lambda c: c.delete_dataset("pets", force=True), "delete_dataset", ("pets", True), None),
    (
        lambda c: c.inspect_dataset(DATASET),
        "inspect_dataset",
        (DATASET,),
        TOLD["inspect_dataset"],
    ),
    (lambda c: c.doctor(), "doctor", (), DOCTOR),
    (lambda c: c.ready(), "ready", (), {"ready": True, **READY}),
]


@pytest.mark.parametrize(("call", "method", "arguments", "answer"), CALLS)
def test_a_method_asks_for_its_route_and_returns_what_matters(
    client: TandemClient,
    fake: FakeJobClient,
    call: Callable[[TandemClient], Any],
    method: str,
    arguments: tuple[Any, ...],
    answer: Any,
) -> None:
    assert call(client) == answer
    assert fake.calls == [(method, arguments)]


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.create_job(MODEL, DATASET, idempotency_key="k-1"),
        lambda c: c.register_device("10.0.0.2", 5001, "7", idempotency_key="k-1"),
        lambda c: c.train("7", idempotency_key="k-1"),
    ],
)
def test_a_request_is_sent_with_its_idempotency_key(
    client: TandemClient, fake: FakeJobClient, call: Callable[[TandemClient], Any]
) -> None:
    call(client)
    begun, _, finished = fake.calls
    assert (begun[0], begun[1][0]) == ("begin_request", "k-1")
    assert (finished[0], finished[1][0]) == ("finish_request", "k-1")


def test_every_operation_is_tried_above() -> None:
    tried = {name for call in CALLS for name in call[0].__code__.co_names}
    elsewhere = {"upload_dataset", *(operation.name for operation in GATEWAYS_OWN)}
    assert {operation.name for operation in OPERATIONS} - tried == elsewhere


@pytest.mark.parametrize("operation", GATEWAYS_OWN, ids=lambda operation: operation.name)
def test_what_the_gateway_answers_itself_is_an_operation_like_any_other(
    client: TandemClient, fake: FakeJobClient, operation: Operation
) -> None:
    answer, expects = client.call(operation), operation.response
    assert expects.model_validate(answer) if isinstance(expects, type) else answer
    assert {name for name, _ in fake.calls} <= {"figures"}


@pytest.mark.parametrize("call", [c[0] for c in CALLS], ids=[c[1] for c in CALLS])
def test_an_error_has_the_apis_status_and_message(
    client: TandemClient, fake: FakeJobClient, call: Callable[[TandemClient], Any]
) -> None:
    fake.errors.update({method: DeviceBusy("Device is held by job 3") for _, method, _, _ in CALLS})
    with pytest.raises(ApiError, match="Device is held by job 3") as caught:
        call(client)
    assert (caught.value.status, caught.value.message) == (409, "Device is held by job 3")


def test_an_unready_gateway_is_an_error_with_the_reason(
    client: TandemClient, fake: FakeJobClient
) -> None:
    fake.errors["ready"] = Unavailable("The JobManager does not answer")
    with pytest.raises(ApiError) as caught:
        client.ready()
    assert (caught.value.status, caught.value.message) == (503, "The JobManager does not answer")


def test_an_error_that_is_not_the_apis_is_told_as_that_and_not_by_its_html(
    client: TandemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = requests.Response()
    response.status_code, response.reason = 502, "Bad Gateway"
    response._content = b"<html>Bad gateway" + b"." * 1000
    monkeypatch.setattr(client._session, "request", lambda *_, **__: response)
    with pytest.raises(ApiError) as caught:
        client.list_jobs()
    assert caught.value.status == 502
    said = caught.value.message
    assert "is not Tandem's gateway" in said and "502 Bad Gateway" in said and "<" not in said


@pytest.mark.parametrize("job_id", ["a b", "7?x=1", "7#", "ä", "%2e"])
def test_a_job_id_is_one_part_of_the_path_whatever_is_in_it(
    client: TandemClient, fake: FakeJobClient, job_id: str
) -> None:
    client.get_job(job_id)
    client.train(job_id)
    client.get_model(job_id)
    assert [arguments[0] for _, arguments in fake.calls] == [job_id] * 3


@pytest.fixture
def proxied(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a host behind a proxy, for which the served fake stands."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, url)


@pytest.mark.usefixtures("proxied")
def test_other_hosts_are_reached_by_the_proxy(fake: FakeJobClient) -> None:
    with TandemClient("http://192.0.2.1:4000", timeout_s=5.0) as client:
        assert client.list_jobs() == [SUMMARY]


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_this_host_is_never_reached_by_a_proxy(fake: FakeJobClient, host: str) -> None:
    (port,) = free_ports(1)
    client = TandemClient(f"http://{host}:{port}", timeout_s=5.0)
    with client, pytest.raises(requests.ConnectionError):
        client.list_jobs()
    assert fake.calls == []


def test_a_gateway_that_is_not_there_is_a_connection_error() -> None:
    client = TandemClient("http://127.0.0.1:1", timeout_s=5.0)
    with pytest.raises(requests.ConnectionError):
        client.list_jobs()
