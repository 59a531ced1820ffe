"""The form of a new job: filled in like another job, and with data that is uploaded there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from actors.core.errors import InvalidRequest
from http_gateway.app import create_app
from http_gateway.operations.table import OPERATIONS
from http_gateway.server.http_server import HttpServer
from http_gateway.server.upload_door import UploadDoor
from orchestrator.uploads.upload_store import UploadStore
from tests.support.browser import needs_browser
from tests.support.fake_job_client import FakeJobClient
from tests.support.page_browser import WatchedPage, watched
from tests.support.page_catalogue import upload_dataset
from tests.support.page_world import TRAINED
from tests.support.served import serving

pytestmark = needs_browser
TOKEN = "correct-horse-battery-staple"
TIMEOUT_S = 20.0
ARCHIVE: FilePayload = {"name": "My Pets.tar.gz", "mimeType": "", "buffer": b"not looked at"}
TABLE: FilePayload = {"name": "patients.csv", "mimeType": "", "buffer": b"age,sick\n3,1\n"}


def asked(world: FakeJobClient, name: str) -> list[tuple[Any, ...]]:
    return [arguments for called, arguments in world.calls if called == name]


def address_of(server: HttpServer) -> str:
    return f"http://127.0.0.1:{server.effective_port}"


def create(page: Page) -> None:
    page.get_by_role("button", name="Create and plan").click()
    expect(page.get_by_text("1.6 times as fast")).to_be_visible()


def choose(page: Page, file: FilePayload) -> None:
    page.get_by_text("Upload files from this device").click()
    page.locator("input[type=file]").set_input_files(file)


def test_a_job_is_done_again_with_a_change(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("jobs/1")
    page.get_by_role("link", name="Do it again, changed").click()
    page.wait_for_url("**/#/new?like=1")
    expect(page.get_by_role("textbox", name="Layer sizes")).to_have_value("784, 128, 64, 10")
    expect(page.get_by_role("checkbox", name="192.168.1.5:5001")).to_be_checked()
    expect(page.get_by_role("checkbox", name="192.168.1.9:5001")).not_to_be_checked()
    page.get_by_label("learning_rate").fill("0.05")
    assert shown.barriers() == []
    create(page)
    assert asked(world, "create_job") == [
        (
            {"layer_sizes": [784, 128, 64, 10]},
            {"name": "digits", "resize": [28, 28], "batch_size": 64},
            {"type": "classification"},
            {**TRAINED["1"], "learning_rate": 0.05},
        )
    ]
    assert len(asked(world, "register_device")) == 2


def test_nothing_of_a_job_is_lost_on_its_way_through_the_form(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    """Texts that look like numbers, a null with a meaning, a device that is gone."""
    model = {"architecture": "cnn", "config": {"channels": [8, 16]}, "seed": 7}
    dataset = {"format": "csv", "path": "a.csv", "target": "3", "delimiter": "\t", "shuffle": False}
    train = {
        "epochs": 3,
        "optimizer": {"type": "AdamW", "weight_decay": 0.01},
        "freeze": ["0", "1"],
    }
    usual = world.answers["get_job"]("1")
    world.answers["get_job"] = {
        **usual,
        "model_config": {**model, "initial_weights": {"job": "2"}},
        "dataset_config": dataset,
        "task": {"type": "binary"},
        "train_config": train,
        "plan": None,
        "failure_policy": {**usual["failure_policy"], "max_failures": None, "min_devices": 2},
        "checkpoints": {**usual["checkpoints"], "interval_s": 0.5},
        "registered_devices": [{"device_id": 1, "ip": "192.168.1.12", "port": 5001}],
    }
    page = shown.open("new?like=1")
    page.get_by_role("checkbox", name="192.168.1.6:5001").check()
    create(page)
    assert asked(world, "create_job") == [
        (
            {**model, "initial_weights": {"job": "1", "checkpoint": "initial"}},
            dataset,
            {"type": "binary"},
            train,
            {"max_failures": None, "min_devices": 2},
            {"interval_s": 0.5},
        )
    ]


def test_other_data_is_for_a_task_of_its_own(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("new?like=6")
    page.get_by_label("target").fill("age")
    page.get_by_role("checkbox", name="192.168.1.5").check()
    create(page)
    dataset = {"format": "csv", "path": "patients.csv", "target": "age"}
    assert asked(world, "create_job") == [({"layer_sizes": [784, 128, 64, 10]}, dataset)]


def test_a_job_that_there_is_not_can_not_be_done_again(shown: WatchedPage) -> None:
    page = shown.open("new?like=99")
    expect(page.get_by_role("alert")).to_contain_text("Job 99 not found")


def test_an_example_takes_the_place_of_another_job(shown: WatchedPage) -> None:
    page = shown.open("new?like=1")
    expect(page.get_by_text("Nothing that it has learnt")).to_be_visible()
    page.get_by_role("radio", name="Your own images").check()
    expect(page.get_by_label("Source")).to_have_value("image_folder")
    assert page.url.endswith("#/new?example=images")


def test_an_upload_is_chosen_as_the_data(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("new")
    choose(page, ARCHIVE)
    expect(page.get_by_label("Name")).to_have_value("my-pets")
    assert shown.barriers() == []
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Source")).to_have_value("my-pets")
    expect(page.get_by_text("359 samples to validate with")).to_be_visible()
    page.get_by_role("button", name="Take the model that fits").click()
    page.get_by_role("checkbox", name="192.168.1.5").check()
    create(page)
    assert asked(world, "upload_dataset") == [("my-pets", None, [], False)]
    ((model, dataset, *_),) = asked(world, "create_job")
    assert (model, dataset) == ({"architecture": "cnn"}, {"name": "my-pets", "batch_size": 64})
    assert shown.complaints == []


def test_a_table_says_its_target_and_takes_the_place_of_another(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    page = shown.open("new")
    choose(page, TABLE)
    expect(page.get_by_label("Format")).to_have_value("csv")
    page.get_by_label("target").fill("sick")
    page.get_by_label("Name").fill("holiday")
    page.get_by_label("Put it in the place of the data set holiday").check()
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("uploaded as csv, 1,438 samples")).to_be_visible()
    assert asked(world, "upload_dataset") == [("holiday", "csv", ["target=sick"], True)]


def test_a_refused_upload_says_why(shown: WatchedPage, world: FakeJobClient) -> None:
    world.errors["upload_dataset"] = InvalidRequest("pets/1.png is no image: take it out")
    page = shown.open("new")
    choose(page, ARCHIVE)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_have_text("pets/1.png is no image: take it out")
    expect(page.get_by_label("Source")).to_have_value("digits")


def test_an_upload_that_is_under_way_is_seen_and_can_be_cancelled(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    may_end = threading.Event()

    def slowly(**sent: Any) -> dict[str, Any]:
        may_end.wait(TIMEOUT_S)
        return upload_dataset(**sent)

    world.answers["upload_dataset"] = slowly
    page = shown.open("new")
    choose(page, ARCHIVE)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("The gateway unpacks it")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()
    may_end.set()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("Source")).to_have_value("digits")


def test_one_that_is_too_large_is_not_sent(browser: Browser, world: FakeJobClient) -> None:
    app = create_app(world, version="9.8.7", max_upload_bytes=10)
    with serving(app) as server, watched(browser, address_of(server)) as shown:
        page = shown.open("new")
        choose(page, ARCHIVE)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("alert")).to_contain_text("at most 10 B")
    assert asked(world, "upload_dataset") == []


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_browser_that_signed_in_may_upload(
    browser: Browser, world: FakeJobClient, tmp_path: Path, token: str | None
) -> None:
    door = UploadDoor(UploadStore(tmp_path / "uploads"), OPERATIONS, 1_000_000, token)
    app = create_app(world, token=token, version="9.8.7")
    with (
        serving(app, max_request_body_size=10_000, door=door) as server,
        watched(browser, address_of(server)) as shown,
    ):
        page = shown.open("new")
        if token is not None:
            page.get_by_label("Token").fill(token)
            page.get_by_role("button", name="Sign in").click()
        choose(page, {**ARCHIVE, "buffer": bytes(300_000)})
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_label("Source")).to_have_value("my-pets")
