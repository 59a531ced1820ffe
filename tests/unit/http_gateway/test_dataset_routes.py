"""The routes of data sets, and how the gateway takes an upload in."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from http_gateway.app import create_app
from http_gateway.calls.dataset_uploads import DatasetUploads, given_fields
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.table.datasets import UPLOAD_DATASET
from orchestrator.errors import Conflict, InvalidRequest, Unavailable
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import FakeJobClient
from tests.support.made_archives import PETS, made_zip

BAD_NAMES = [
    "Pets",
    "a b",
    "a.b",
    "a%2F..",
    "..%2Fx",
    "%2e%2e",
    "x" * 65,
    "caf%C3%A9",
    "a%0A",
    "%00",
]


def test_an_upload_reaches_the_job_client_with_what_is_said_of_it(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    query = "format=csv&set=target=kind&set=resize=[8,9]&replace=true"
    response = http.post(f"/api/datasets/pets?{query}", data=b"a,b")
    assert response.status_code == 201
    said = ("pets", "csv", ["target=kind", "resize=[8,9]"], True)
    assert fake.calls == [("upload_dataset", said)]


def test_nothing_need_be_said(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.post("/api/datasets/my_pets-2", data=b"x").status_code == 201
    assert fake.calls == [("upload_dataset", ("my_pets-2", None, [], False))]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_is_of_a_few_characters(http: FlaskClient, fake: FakeJobClient, name: str) -> None:
    for response in (
        http.post(f"/api/datasets/{name}", data=b"x"),
        http.get(f"/api/datasets/{name}"),
        http.delete(f"/api/datasets/{name}"),
    ):
        assert response.status_code in (400, 404)
        text = error_of(response, response.status_code)
        assert response.status_code == 404 or "1 to 64 of the characters a-z" in text
    assert fake.calls == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("replace=yes", "true or false"),
        ("set=target", "NAME=VALUE"),
        ("set==1", "NAME=VALUE"),
        ("&".join(["set=a=1"] * 51), "51 entries"),
        (f"format={'x' * 65}", "at most 64 characters"),
        ("target=kind", "takes format, replace, set"),
    ],
)
def test_a_query_that_is_wrong_is_refused(
    http: FlaskClient, fake: FakeJobClient, query: str, words: str
) -> None:
    assert words in error_of(http.post(f"/api/datasets/pets?{query}", data=b"x"), 400)
    assert fake.calls == []


def test_an_upload_has_a_limit_of_its_own(fake: FakeJobClient) -> None:
    app = create_app(fake, max_request_body_bytes=10, max_upload_bytes=100, version="0")
    http = app.test_client()
    assert http.post("/api/datasets/pets", data=b"y" * 100).status_code == 201
    assert "100 bytes" in error_of(http.post("/api/datasets/pets", data=b"y" * 101), 413)
    assert json_of(http.get("/api/datasets")) == {"datasets": [], "max_upload_bytes": 100}


def test_an_upload_under_a_key_is_known_again_by_its_content(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    found = []
    for path, body in [
        ("/api/datasets/pets", b"one"),
        ("/api/datasets/pets", b"one"),
        ("/api/datasets/pets", b"two"),
        ("/api/datasets/pets?format=csv", b"one"),
        ("/api/datasets/dogs", b"one"),
    ]:
        fake.forget()
        http.post(path, data=body, headers={"Idempotency-Key": "k"})
        assert [name for name, _ in fake.calls][1] == "upload_dataset"
        found.append(fake.calls[0][1][1])
    assert found[0] == found[1] and len(set(found)) == 4


def test_a_data_set_is_shown_and_deleted(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.get("/api/datasets/pets").status_code == 200
    assert http.delete("/api/datasets/pets?force=true").status_code == 200
    assert fake.calls == [("get_dataset", ("pets",)), ("delete_dataset", ("pets", True))]


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ((None, []), {}),
        (("csv", ["target=kind"]), {"format": "csv", "target": "kind"}),
        ((None, ["resize=[8, 9]", "channels=3"]), {"resize": [8, 9], "channels": 3}),
        ((None, ["delimiter=\t", 'target="3"']), {"delimiter": "\t", "target": "3"}),
        (
            (None, ["header=false", "inputs=null", "a=b=c"]),
            {"header": False, "inputs": None, "a": "b=c"},
        ),
    ],
)
def test_values_are_json_or_texts(said: Any, given: dict[str, Any]) -> None:
    assert given_fields(*said) == given


@pytest.mark.parametrize("said", [(None, ["a=1", "a=2"]), (None, ["format=csv"])])
def test_a_field_is_said_once(said: Any) -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        given_fields(*said)


class Manager:
    """The JobManager as an upload sees it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors: dict[str, Exception] = {}
        self.files: list[str] = []
        self.folder = Path()

    def __call__(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        self.calls.append((call.name, arguments))
        if "version" in arguments:
            root = self.folder / ".versions" / arguments["version"] / "files"
            found = (path for path in root.rglob("*") if path.is_file())
            self.files = sorted(path.relative_to(root).as_posix() for path in found)
        if call.name in self.errors:
            raise self.errors[call.name]
        return {"name": arguments["name"]}


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    manager = Manager()
    manager.folder = tmp_path
    return manager


def sent(
    manager: Manager, body: io.BytesIO, gone: Any = bool, settings: Any = (), **said: Any
) -> Any:
    uploads = DatasetUploads(manager.folder, 10**6, manager)
    asked = {"format": None, "set": [*settings], "replace": False, **said}
    return uploads.upload(UPLOAD_DATASET, "pets", open_body=lambda: body, gone=gone, **asked)


def left(manager: Manager) -> list[str]:
    versions = manager.folder / ".versions"
    return os.listdir(versions) if versions.exists() else []


def test_the_job_manager_is_asked_first_and_told_once_the_files_are_there(
    manager: Manager,
) -> None:
    assert sent(manager, made_zip(PETS), settings=["context=8"]) == {"name": "pets"}
    checked, added = manager.calls
    assert checked == ("check_upload", {"name": "pets", "replace": False})
    assert added[0] == "add_dataset" and manager.files == sorted(PETS)
    told = {
        name: added[1][name] for name in ("name", "replace", "num_files", "num_bytes", "config")
    }
    assert told == {
        "name": "pets",
        "replace": False,
        "num_files": len(PETS),
        "num_bytes": sum(map(len, PETS.values())),
        "config": {"format": "text", "path": ".", "context": 8},
    }
    assert left(manager) == []  # this JobManager did not keep it


@pytest.mark.parametrize("refusing", ["check_upload", "add_dataset"])
def test_what_the_job_manager_refuses_leaves_nothing(manager: Manager, refusing: str) -> None:
    manager.errors[refusing] = Conflict("taken")
    with pytest.raises(Conflict, match="taken"):
        sent(manager, made_zip(PETS))
    assert left(manager) == [] and manager.calls[-1][0] == refusing


def test_what_can_not_be_unpacked_leaves_nothing(manager: Manager) -> None:
    with pytest.raises(InvalidRequest, match="whole"):
        sent(manager, io.BytesIO(made_zip(PETS).getvalue()[:-30]))
    assert left(manager) == [] and [name for name, _ in manager.calls] == ["check_upload"]


def test_a_client_that_has_gone_leaves_nothing(manager: Manager) -> None:
    looks = []

    def gone() -> bool:
        looks.append(len(left(manager)))
        return len(looks) > 2

    with pytest.raises(Unavailable, match="gone"):
        sent(manager, made_zip(PETS), gone)
    assert looks == [1, 1, 1] and left(manager) == []


def test_fields_that_belong_to_a_job_are_refused_before_anything_is_asked(
    manager: Manager,
) -> None:
    with pytest.raises(InvalidRequest, match="batch_size"):
        sent(manager, made_zip(PETS), settings=["batch_size=3"])
    assert manager.calls == []
