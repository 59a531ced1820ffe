"""What jobs came to: a trained network is evaluated, and jobs stand beside each other."""

from __future__ import annotations

import threading
from typing import Any

from playwright.sync_api import Browser, Page, expect

from actors.core.errors import Unavailable
from tests.support.browser import needs_browser
from tests.support.fake_job_client import FakeJobClient
from tests.support.page_browser import WatchedPage, watched
from tests.support.page_results import confusion, evaluate
from tests.support.served import served

pytestmark = needs_browser
TIMEOUT_S = 20.0


def asked(world: FakeJobClient, name: str) -> list[tuple[Any, ...]]:
    return [arguments for called, arguments in world.calls if called == name]


def press(page: Page, name: str) -> None:
    """Waits for the answer of the evaluation that the button begins."""
    with page.expect_response("**/evaluate"):
        page.get_by_role("button", name=name).click()


def test_a_network_is_evaluated_by_a_click_and_the_answer_stays(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    page = shown.open("jobs/1/evaluation")
    expect(page.get_by_role("button", name="Evaluate")).to_be_enabled()
    assert asked(world, "evaluate") == []
    press(page, "Evaluate")
    rows = page.get_by_role("region", name="Confusion matrix").locator("tbody tr")
    expect(rows).to_have_count(10)
    assert [rows.nth(i).locator("td").all_inner_texts() for i in range(10)] == [
        [str(count) for count in row] for row in confusion()
    ]
    told = evaluate("1")
    expect(page.locator("dd", has_text=f"{told['metrics']['accuracy']:.1%}"[:-1])).to_be_visible()
    worst = page.get_by_role("region", name="The worst samples").locator("tbody tr")
    expect(worst).to_have_count(len(told["worst"]))
    expect(worst.first).to_contain_text("validation 17")
    page.get_by_role("link", name="Events").click()
    page.get_by_role("link", name="Evaluation").click()
    expect(rows).to_have_count(10)
    press(page, "Evaluate again")
    assert asked(world, "evaluate") == [("1",), ("1",)]


def test_an_evaluation_can_be_read_by_everybody(browser: Browser, world: FakeJobClient) -> None:
    for scheme in ("light", "dark"):
        with served(world) as url, watched(browser, url, color_scheme=scheme) as shown:
            page = shown.open("jobs/1/evaluation")
            press(page, "Evaluate")
            expect(page.get_by_role("region", name="Each class")).to_be_visible()
            assert shown.barriers() == []
            page.set_viewport_size({"width": 360, "height": 740})
            assert not shown.is_too_wide()
            assert shown.complaints == []


def test_other_data_is_chosen_by_its_name(shown: WatchedPage, world: FakeJobClient) -> None:
    page = shown.open("jobs/1/evaluation")
    page.get_by_label("Data").select_option("holiday")
    expect(page.get_by_role("radio", name="All")).to_be_checked()
    press(page, "Evaluate")
    expect(page.get_by_text("holiday, all: 360 samples")).to_be_visible()
    page.get_by_text("Training", exact=True).last.click()
    press(page, "Evaluate again")
    named = {"name": "holiday"}
    assert asked(world, "evaluate") == [("1", named), ("1", named, "training")]


def test_an_evaluation_that_is_under_way_can_be_cancelled(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    may_end = threading.Event()

    def slowly(job_id: str, **body: Any) -> dict[str, Any]:
        may_end.wait(TIMEOUT_S)
        return evaluate(job_id, **body)

    world.answers["evaluate"] = slowly
    page = shown.open("jobs/1/evaluation")
    page.get_by_role("button", name="Evaluate").click()
    expect(page.get_by_text("Evaluating since")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Evaluate")).to_be_enabled()
    may_end.set()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_refused_evaluation_says_why(shown: WatchedPage, world: FakeJobClient) -> None:
    world.errors["evaluate"] = Unavailable("The data is gone: put the files back")
    page = shown.open("jobs/1/evaluation")
    press(page, "Evaluate")
    expect(page.get_by_role("alert")).to_have_text("The data is gone: put the files back")
    shown.open("jobs/6/evaluation")
    expect(page.get_by_text("No trained weights yet")).to_be_visible()


def test_what_is_no_class_is_shown_too(shown: WatchedPage, world: FakeJobClient) -> None:
    """Numbers have no classes; a text has too many for a table, and some can't be seen."""
    nothing = {"classes": [], "confusions": [], "class_names": None, "confusion_matrix": None}
    numbers = {"target": [1.5, 2], "predicted": [-3.25, 4], "place": "row 7"}
    told = evaluate("1")
    worst = [{**told["worst"][0], **numbers}]
    world.answers["evaluate"] = {**told, **nothing, "metrics": {"loss": None}, "worst": worst}
    page = shown.open("jobs/1/evaluation")
    press(page, "Evaluate")
    row = page.get_by_role("region", name="The worst samples").locator("tbody tr")
    expect(row.locator("th, td")).to_have_text(["row 7", "1.5, 2", "-3.25, 4", "4.812"])

    names = [" ", *(chr(ord("a") + i) for i in range(60))]
    classes = [{**told["classes"][0], "index": i, "name": own} for i, own in enumerate(names)]
    world.answers["evaluate"] = {
        **told, "class_names": names, "classes": classes, "confusion_matrix": [[0] * 61] * 61,
        "confusions": [{"target": 0, "predicted": 1, "count": 1234}],
    }  # fmt: skip
    press(page, "Evaluate again")
    mistakes = page.get_by_role("region", name="The most frequent mistakes")
    expect(mistakes.locator("td")).to_have_text(['" "', "a", "1,234"])
    rows = page.get_by_role("region", name="Each class").locator("tbody tr")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show all 61 classes").click()
    expect(rows).to_have_count(61)


def test_jobs_are_ticked_in_the_list_and_stand_side_by_side(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    page = shown.open("jobs")
    compare = page.get_by_role("button", name="Compare")
    page.get_by_role("checkbox", name="Compare job 5").check()
    expect(compare).to_be_disabled()
    page.get_by_role("checkbox", name="Compare job 1").check()
    assert page.url.endswith("#/jobs?compare=5%2C1")
    compare.click()
    page.wait_for_url("**/#/compare/1/5")
    differs = page.get_by_role("region", name="What differs").locator("tbody tr")
    rate = differs.filter(has_text="train_config.learning_rate")
    expect(rate.locator("td")).to_have_text(["0.1", "0.002"])
    sizes = differs.filter(has_text="model_config.layer_sizes")
    expect(sizes.locator("td")).to_have_text(["[784,128,64,10]", "–"])
    came = page.get_by_role("region", name="What came of it").locator("tbody tr")
    accuracy = came.filter(has_text="validation accuracy")
    expect(accuracy.locator("td")).to_have_text(["92.8 %", "94.1 %"])
    expect(page.locator(".legend-item")).to_contain_text(["job 1 loss", "job 5 loss"])
    assert asked(world, "compare_jobs") == [("1,5",)]
    page.go_back()
    expect(page.get_by_role("button", name="Compare 2 jobs")).to_be_enabled()


def test_a_comparison_has_a_link_with_its_curves_and_can_be_read_by_everybody(
    browser: Browser, world: FakeJobClient
) -> None:
    for scheme in ("light", "dark"):
        with served(world) as url, watched(browser, url, color_scheme=scheme) as shown:
            page = shown.open("compare/1/3/5?show=val_loss&log=1")
            expect(page.locator(".legend-item")).to_have_count(3)
            expect(page.locator(".legend")).to_contain_text("job 3 val_loss")
            with page.expect_download() as picture:
                page.get_by_role("button", name="PNG").click()
            assert picture.value.suggested_filename == "jobs-1-3-5.png"
            assert shown.barriers() == [] and shown.complaints == []


def test_one_job_can_not_be_compared_and_a_missing_one_is_named(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    for place in (
        "compare",
        "compare/5",
        "compare/5/5",
        f"compare/{'/'.join(map(str, range(11)))}",
    ):
        page = shown.open(place)
        expect(page.get_by_text("Choose 2 to 10 jobs")).to_be_visible()
    assert asked(world, "compare_jobs") == []
    shown.open("compare/5/99")
    expect(page.get_by_role("alert")).to_contain_text("Job 99 not found")


def test_jobs_that_are_alike_and_have_not_trained_say_so(
    shown: WatchedPage, world: FakeJobClient
) -> None:
    world.answers["get_metrics"] = {"series": [], "last_seq": 1}
    result = {"status": "created", "epochs": 0, "metrics": {}, "layers": []}
    nothing = {**result, "samples_per_s": None, "step_ms": None}
    results = {"6": nothing, "7": nothing}
    world.answers["compare_jobs"] = {"jobs": ["6", "7"], "differences": {}, "results": results}
    page = shown.open("compare/6/7")
    expect(page.get_by_text("They are configured alike.")).to_be_visible()
    expect(page.get_by_text("No step yet")).to_be_visible()
    assert shown.complaints == []
