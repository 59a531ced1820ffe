"""The table of operations: what follows from a line of it, and that the JobManager fits it."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from http_gateway.app import create_app
from http_gateway.calls.dataset_uploads import ADD_DATASET, CHECK_UPLOAD
from http_gateway.calls.model_download import DESCRIBE_MODEL, DESCRIBE_TRAINING
from http_gateway.calls.ray_job_client import DESCRIBE, GET_JOB, LIST_STRANGERS
from http_gateway.client import ApiError, TandemClient
from http_gateway.live.event_hub import READ_LOG
from http_gateway.operations.idempotency import BEGIN_REQUEST, DROP_REQUEST, FINISH_REQUEST
from http_gateway.operations.operation import ManagerCall, Operation
from http_gateway.operations.special import GATEWAYS_OWN
from http_gateway.operations.table import OPERATIONS
from http_gateway.prometheus.page import FIGURES
from orchestrator.job_manager import JobManager
from orchestrator.job_manager_actor import JobManagerActor
from tests.support.fake_job_client import FakeJobClient

NOT_OF_THE_JOB_MANAGER = {
    *GATEWAYS_OWN,
    "ready",
    "predict",
    "evaluate",
    "clone_job",
    "get_model",
    "upload_dataset",
}
"""The gateway answers them itself, or by other methods of the JobManager."""
OF_THE_JOB_MANAGER = [o for o in OPERATIONS if o.name not in NOT_OF_THE_JOB_MANAGER]
OTHER_CALLS = {
    BEGIN_REQUEST: ["key", "fingerprint"],
    FINISH_REQUEST: ["key", "answer"],
    DROP_REQUEST: ["key"],
    DESCRIBE: [],
    DESCRIBE_MODEL: ["job_id", "checkpoint"],
    DESCRIBE_TRAINING: ["job_id", "checkpoint"],
    GET_JOB: ["job_id", "history_limit"],
    LIST_STRANGERS: [],
    FIGURES: [],
    CHECK_UPLOAD: ["name", "replace"],
    ADD_DATASET: ["name", "replace", "version", "config", "num_files", "num_bytes"],
    READ_LOG: ["after", "limit", "job_id", "kinds", "watched"],
}
EXTENDING = Path(__file__).parents[3] / "docs" / "extending.md"


def arguments_of(operation: Operation) -> list[str]:
    body = ["options"] if operation.whole_body else list(operation.body_names)
    storage = ["storage"] if operation.name == "doctor" else []
    query = [name for name in operation.query_names if name not in operation.gateways_own]
    return [*operation.path_names, *query, *body, *storage]


def check_signature(call: ManagerCall, names: list[str]) -> None:
    """The method takes them all and needs no other."""
    signature = inspect.signature(getattr(JobManager, call.name))
    signature.bind(None, **dict.fromkeys(names))


def test_names_and_routes_are_told_apart() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


def test_the_job_manager_has_a_method_for_each_that_takes_its_arguments() -> None:
    for operation in OF_THE_JOB_MANAGER:
        check_signature(operation, arguments_of(operation))
    for call, names in OTHER_CALLS.items():
        check_signature(call, names)


def test_what_only_reads_may_be_repeated_and_a_deletion_not() -> None:
    for operation in OPERATIONS:
        if operation.method != "POST":
            assert operation.may_repeat == (operation.method == "GET"), operation.name


@pytest.fixture
def added() -> dict[str, Any]:
    """The definitions in the page's two pieces of code: the table's line, and the method."""
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", EXTENDING.read_text("utf-8"), re.DOTALL):
        if "stop_all" in code:
            exec(code, names)
    return names


class _Local:
    """A JobClient whose JobManager is in this process."""

    def __init__(self, manager: Any) -> None:
        self._actor = JobManagerActor.__new__(JobManagerActor)
        self._actor._manager = manager

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        return self._actor.call(call.name, arguments)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Serves an application and returns a client of it."""
    ends = []

    def start(app: Any) -> TandemClient:
        server = make_server("127.0.0.1", 0, app)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        client = TandemClient(f"http://127.0.0.1:{server.port}", timeout_s=10.0)
        ends.append((client, server, thread))
        return client

    yield start
    for client, server, thread in ends:
        client.close()
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_an_endpoint_is_a_line_of_the_table_and_what_does_the_work(
    added: dict[str, Any], serve: Any
) -> None:
    """The example of the page, through all that follows from it."""
    operation: Operation = added["STOP_ALL"]

    class Manager:
        stop_all = added["stop_all"]

        def list_jobs(self) -> list[dict[str, Any]]:
            return [{"job_id": "1", "status": "training"}, {"job_id": "2", "status": "failed"}]

        def stop_job(self, job_id: str) -> None:
            stopped.append(job_id)

    stopped: list[str] = []
    operations = (*OPERATIONS, operation)
    app = create_app(_Local(Manager()), version="0", operations=operations)
    client = serve(app)
    assert client.call(operation, only=["1", "2"]) == ["1"] == stopped
    with pytest.raises(ApiError, match=re.escape('the request has no field "nly"')):
        client.call(operation, nly=["1"])
    described = app.api_doc["paths"]["/api/stop_all"]["post"]
    assert described["operationId"] == "stop_all" and "409" in described["responses"]
    fake = FakeJobClient()
    client = serve(create_app(fake, version="0", operations=operations))
    assert client.call(operation) == []  # an example of its response
    assert fake.calls == [("stop_all", ())]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c.get_job(), "get_job needs job_id"),
        (lambda c: c.get_job("7", 3), "1 arguments without a name (job_id), not 2"),
        (lambda c: c.get_job("7", job_id="8"), "got job_id twice"),
    ],
)
def test_arguments_that_make_no_request_are_refused_as_those_of_a_function(
    serve: Any, call: Callable[[TandemClient], Any], text: str
) -> None:
    fake = FakeJobClient()
    client = serve(create_app(fake, version="0"))
    with pytest.raises(TypeError, match=re.escape(text)):
        call(client)
    assert fake.calls == []


def test_the_schema_of_a_query_is_made_once_and_not_by_each_request() -> None:
    queries = [o.query for o in OPERATIONS if o.query is not None]
    assert len(queries) > 5
    for query in queries:
        schema = query.model_json_schema()
        assert schema is query.model_json_schema()
        assert schema["properties"].keys() == query.model_fields.keys()
