"""Every view of the page, over a JobManager that is not there."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from actors.core.asking.asked_images import AskedImages
from actors.core.asking.prompts import Prompts
from actors.core.asking.table_rows import TableRows
from actors.core.errors import Unavailable
from actors.core.input_form import Column, InputForm
from tests.support.browser import needs_browser
from tests.support.fake_job_client import FakeJobClient
from tests.support.page_browser import WatchedPage, watched
from tests.support.served import served

pytestmark = needs_browser

VIEWS = {
    "jobs": "Job 5",
    "new": "Create and plan",
    "new?like=5": "Nothing that it has learnt",
    "jobs/5": "val_loss",
    "jobs/5/pipeline": "bottleneck",
    "jobs/5/plan": "Step, measured",
    "jobs/5/events": "does not answer any more",
    "jobs/5/checkpoints": "Download the weights",
    "jobs/1/evaluation": "The newest weights",
    "jobs/5/configuration": "Failure policy",
    "jobs/2": "is no image",
    "compare/1/5": "job 5 loss",
    "devices": "laptop",
    "try/1": "White on black",
}
"""The view -> a text that is there once it is whole."""
HOSTILE = '"><img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_whole_quiet_and_open_to_everybody(
    browser: Browser, world: FakeJobClient, scheme: str, subtests: pytest.Subtests
) -> None:
    with served(world) as url, watched(browser, url, color_scheme=scheme) as shown:
        for place, text in VIEWS.items():
            with subtests.test(place=place):
                page = shown.open(place)
                expect(page.get_by_text(text).first).to_be_visible()
                assert page.evaluate("document.documentElement.dataset.theme") == scheme
                assert shown.barriers() == []
        assert (shown.complaints, shown.foreign) == ([], [])


def test_a_narrow_screen_shows_every_view_without_scrolling_sideways(
    browser: Browser, world: FakeJobClient, subtests: pytest.Subtests
) -> None:
    size = {"width": 360, "height": 740}
    with served(world) as url, watched(browser, url, viewport=size) as shown:
        for place, text in VIEWS.items():
            with subtests.test(place=place):
                page = shown.open(place)
                expect(page.get_by_text(text).first).to_be_visible()
                assert not shown.is_too_wide()


def test_jobs_are_found_by_status_and_words_and_the_address_keeps_both(shown: WatchedPage) -> None:
    page = shown.open("jobs")
    rows = page.locator("table.list tbody tr")
    expect(rows).to_have_count(6)
    page.get_by_text("Done 3").click()
    expect(rows).to_have_count(3)
    page.get_by_role("searchbox").fill("gpt")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No job fits these filters")).to_be_visible()


def test_an_empty_server_offers_something_that_trains_at_once(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    world.answers["list_jobs"] = []
    page = shown.open("jobs")
    page.get_by_role("link", name="Train the digits").click()
    expect(page.get_by_role("textbox", name="Layer sizes")).to_have_value("784, 128, 64, 10")
    shown.open("try")
    expect(page.get_by_text("No trained network yet")).to_be_visible()


def test_a_job_is_created_planned_and_started_by_clicks(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    page = shown.open("new?example=digits")
    expect(page.get_by_role("checkbox", name="192.168.1.")).to_have_count(3)
    for checkbox in page.get_by_role("checkbox", name="192.168.1.").all():
        checkbox.check()
    page.get_by_role("button", name="Create and plan").click()
    expect(page.get_by_text("1.6 times as fast")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/#/jobs/7")
    changes = [
        call for call in world.calls if call[0] in ("create_job", "plan", "initialize", "train")
    ]
    assert [name for name, _ in changes] == ["create_job", "plan", "initialize", "train"]
    assert {"layer_sizes": [784, 128, 64, 10]} in changes[0][1]
    assert [name for name, _ in world.calls].count("register_device") == 3


def test_an_uploaded_data_set_can_be_chosen_by_its_name(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    files = {"format": "image_folder", "num_files": 90, "num_bytes": 4_000_000}
    counts = {"num_train": 80, "num_val": 10, "jobs": []}
    world.answers["list_datasets"] = [{"name": "holiday", "is_uploaded": True, **files, **counts}]
    page = shown.open("new?example=images")
    page.get_by_label("Source").select_option("holiday")
    expect(page.get_by_text("uploaded as image_folder, 80 samples")).to_be_visible()
    expect(page.get_by_label("color")).to_be_attached()
    expect(page.get_by_label("path")).to_have_count(0)
    page.get_by_role("checkbox", name="192.168.1.5").check()
    page.get_by_role("button", name="Create and plan").click()
    expect(page.get_by_text("1.6 times as fast")).to_be_visible()
    (created,) = [arguments for name, arguments in world.calls if name == "create_job"]
    assert {"name": "holiday"} in created


def test_a_job_that_can_not_be_planned_leaves_nothing(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    world.errors["plan"] = Unavailable("Device 1 does not answer: look at it")
    page = shown.open("new?example=digits")
    page.get_by_role("checkbox", name="192.168.1.5").check()
    page.get_by_role("button", name="Create and plan").click()
    expect(page.get_by_role("alert")).to_have_text("Device 1 does not answer: look at it")
    assert ("delete_job", ("7", False)) in world.calls


def test_what_can_not_be_undone_is_asked_first(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("jobs/5")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert "delete_job" not in {name for name, _ in world.calls}
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/#/jobs")
    assert ("stop_job", ("5",)) in world.calls and ("delete_job", ("5", True)) in world.calls


def test_what_a_user_wrote_is_shown_as_text(shown: WatchedPage, world: FakeJobClient) -> None:
    dataset = {"format": "csv", "path": HOSTILE, HOSTILE: HOSTILE}
    job = {**world.answers["list_jobs"][0], "dataset_config": dataset}
    details = world.answers["get_job"]("1") | {"dataset_config": dataset, "error": HOSTILE}
    world.answers |= {"list_jobs": [job], "get_job": details}
    page = shown.open("jobs")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    for tab in ("", "/configuration"):
        shown.open(f"jobs/1{tab}")
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert page.title() != "taken" and page.locator("main img").count() == 0
    assert shown.complaints == []


def test_a_drawing_is_judged(shown: WatchedPage) -> None:
    page = shown.open("try/1")
    box = page.locator(".drawing canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=5)
    page.mouse.move(box["x"] + 120, box["y"] + 230, steps=5)
    page.mouse.up()
    expect(page.locator(".bars li").first).to_contain_text("91.4 %")
    expect(page.get_by_text("What the network sees")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing was asked yet")).to_be_visible()


def test_an_image_a_row_and_a_text_go_to_the_network_as_their_data_is(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    page = shown.open("try/1")
    seven: FilePayload = {"name": "7.png", "mimeType": "image/png", "buffer": b"not looked at"}
    page.locator("input[type=file]").set_input_files(seven)
    expect(page.locator(".bars li").first).to_contain_text("91.4 %")
    assert isinstance(asked_of(world), AskedImages)

    inspected = world.answers["inspect_dataset"]()
    columns = [
        {"name": "age", "type": "numbers", "num_categories": None, "categories": []},
        {"name": "code", "type": "categories", "num_categories": 2, "categories": ["1", "2"]},
    ]
    row = {"place": None, "input": {"age": 50.5, "code": "2"}, "target": "7"}
    numbers = {"shape": [3], "dtype": "float32", "kind": "numbers"}
    world.form = InputForm((3,), columns=(Column("age"), Column("code", ("1", "2"))))
    world.answers["inspect_dataset"] = {
        **inspected, "inputs": numbers, "columns": columns, "num_columns": 2, "examples": [row]
    }  # fmt: skip
    shown.open("try/3")
    page.get_by_label("age").fill("41")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".bars li").first).to_contain_text("91.4 %")
    asked = asked_of(world)
    assert isinstance(asked, TableRows) and asked.table == ({"age": 41, "code": "2"},)

    tokens = {"shape": [8], "dtype": "int64", "kind": "tokens"}
    world.form = InputForm((8,), num_tokens=3, vocabulary="abc")
    world.answers["inspect_dataset"] = {
        **inspected, "inputs": tokens, "task": "next_token", "num_classes": None
    }  # fmt: skip
    world.answers["predict"] = {"texts": [HOSTILE]}
    shown.open("try/4")
    page.get_by_label("Beginning of a text").fill("ab")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    asked = asked_of(world)
    assert isinstance(asked, Prompts) and asked.texts == ("ab",)


def asked_of(world: FakeJobClient) -> Any:
    """What the last question was read as."""
    return [arguments for name, arguments in world.calls if name == "predict"][-1][-1]


def test_a_step_is_shown_as_a_lane_a_device(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("jobs/5/pipeline")
    page.get_by_role("button", name="Look at the next steps").click()
    expect(page.locator("rect.lane")).to_have_count(3)
    expect(page.get_by_text("bubble 31 %")).to_be_visible()
    page.locator("rect.slice.backward").first.hover()
    expect(page.get_by_text("backward, step 1, microbatch 1, 84 ms")).to_be_visible()
    shown.open("jobs/1/pipeline")
    expect(page.get_by_text("while the job trains")).to_be_visible()
    assert [name for name, _ in world.calls].count("trace") == 1


def test_an_error_says_what_the_gateway_says_and_can_be_tried_again(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    world.errors["list_jobs"] = Unavailable("The JobManager is gone: it comes back by itself")
    page = shown.open("jobs")
    expect(page.get_by_role("alert")).to_contain_text("The JobManager is gone")
    del world.errors["list_jobs"]
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="Job 5")).to_be_visible()


def test_the_keyboard_reaches_a_job_and_its_curve(shown: WatchedPage) -> None:
    page = shown.open("jobs")
    page.get_by_role("link", name="Job 5").focus()
    page.keyboard.press("Enter")
    chart = page.locator(".chart")
    expect(chart).to_be_visible()
    chart.focus()
    last = page.locator(".legend .at").inner_text()
    for _ in range(2):  # the first one goes to the last point
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".legend .at")).not_to_have_text(last)


def test_a_curve_can_be_compared_and_taken_along(shown: WatchedPage) -> None:
    page = shown.open("jobs/5?log=1&smooth=2&x=time")
    page.get_by_label("Compare with").select_option("1")
    expect(page.locator(".legend")).to_contain_text("job 1 loss")
    assert "beside=1" in page.url
    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    assert "format=csv" in (page.get_by_role("link", name="CSV").get_attribute("href") or "")
