"""What the page computes by itself, in the browser that computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import needs_browser
from tests.support.page_browser import watched
from tests.support.page_world import page_world
from tests.support.served import served

pytestmark = needs_browser
Compute = Callable[..., Any]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with served(page_world()) as url, watched(browser, url) as shown:
        yield shown.open()


@pytest.fixture(scope="module")
def compute(page: Page) -> Compute:
    """Calls a function of one of the page's modules."""

    def call(module: str, function: str, *arguments: Any) -> Any:
        script = "async ([m, f, a]) => (await import(`/page/${m}.js`))[f](...a)"
        return page.evaluate(script, [module, function, list(arguments)])

    return call


def test_smoothing_begins_with_the_first_value_and_follows(compute: Compute) -> None:
    assert compute("app/series", "smoothed", [4, 4, 4], 0.9) == pytest.approx([4, 4, 4])
    assert compute("app/series", "smoothed", [0, 1], 0.5) == pytest.approx([0, 2 / 3])
    assert compute("app/series", "smoothed", [2, None, 2], 0.5) == [2, None, 2]


def test_new_points_stand_behind_those_that_are_known(compute: Compute) -> None:
    known = [{"name": "loss", "steps": [1, 2], "at": [5, 6], "values": [3, 2]}]
    added = [
        {"name": "loss", "steps": [2, 3], "at": [6, 7], "values": [2, 1]},
        {"name": "val_loss", "steps": [3], "at": [7], "values": [4]},
    ]
    loss, val_loss = compute("app/series", "joined", known, added)
    assert (loss["steps"], loss["values"]) == ([1, 2, 3], [3, 2, 1])
    assert val_loss == added[1]


def test_a_failure_is_marked_at_the_last_step_before_it(compute: Compute) -> None:
    series = {"at": [10, 20, 30], "steps": [1, 2, 3]}
    found = {at: compute("app/series", "stepAt", series, at) for at in (5, 10, 29.9, 30, 99)}
    assert found == {5: 0, 10: 1, 29.9: 2, 30: 3, 99: 3}


def test_traffic_of_a_chain_follows_from_what_each_device_sent(compute: Compute) -> None:
    """Stage 2 sends 30 back and 70 forward; stage 3 sends 40 back."""
    stages = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    stats = {
        "1": {"computing_s": 10, "bytes_sent": 50, "bytes_received": 30},
        "2": {"computing_s": 10, "bytes_sent": 100, "bytes_received": 90},
        "3": {"computing_s": 10, "bytes_sent": 40, "bytes_received": 70},
    }
    rates = compute("app/traffic", "linkRates", stages, stats)
    assert rates == [{"forward": 5, "back": 3}, {"forward": 7, "back": 4}]


def test_the_busiest_device_is_the_bottleneck(compute: Compute) -> None:
    stages = [{"id": "1"}, {"id": "2"}]
    stats = {
        "1": {"computing_s": 5, "waiting_s": 5},
        "2": {"computing_s": 8, "updating_s": 1, "waiting_s": 1},
    }
    assert compute("app/traffic", "bottleneck", stages, stats) == "2"
    assert compute("app/traffic", "bottleneck", stages[:1], stats) is None
    waiting = {"1": stats["1"], "2": {"computing_s": 4, "waiting_s": 6}}
    assert compute("app/traffic", "bottleneck", stages, waiting) is None


def test_blocks_have_the_names_of_their_layers_where_these_are_clear(compute: Compute) -> None:
    model = {"layers": [{"type": "Flatten"}, {"type": "Linear"}, {"type": "ReLU"}, {"type": "New"}]}
    assert compute("app/traffic", "blockNames", model, 2) == ["Linear", "New"]
    assert compute("app/traffic", "blockNames", model, 1) == ["Block 1"]
    sizes = {"layer_sizes": [8, 4, 2]}
    assert compute("app/traffic", "blockNames", sizes, 2) == ["Linear 8 → 4", "Linear 4 → 2"]


def test_a_trace_becomes_a_lane_a_device(compute: Compute) -> None:
    def slice_of(tid: int, name: str, ts: float, dur: float) -> dict[str, Any]:
        return {"ph": "X", "pid": 1, "tid": tid, "name": name, "ts": ts, "dur": dur}

    named = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "device 1"}}
    trace = {
        "traceEvents": [
            named,
            slice_of(1, "step", 90, 60),
            slice_of(1, "forward", 100, 10),
            slice_of(3, "receive activations", 105, 15),
        ]
    }
    found = compute("app/lanes", "lanesOf", trace)
    assert found["length"] == 20
    assert [lane["name"] for lane in found["lanes"]] == ["device 1", "lane 3"]
    assert [lane["slices"][0]["kind"] for lane in found["lanes"]] == ["forward", "wire"]
    assert compute("app/lanes", "lanesOf", {"traceEvents": [named]})["lanes"] == []


def test_texts_of_a_form_become_the_values_that_they_look_like(compute: Compute) -> None:
    texts = {"a": "3", "b": "[28, 28]", "c": "true", "d": "AdamW", "e": " ", "f": '{"type": "x"}'}
    found = compute("parts/fields", "valuesOf", texts)
    assert found == {"a": 3, "b": [28, 28], "c": True, "d": "AdamW", "f": {"type": "x"}}


def test_choices_are_read_from_what_the_api_says(compute: Compute) -> None:
    assert compute("parts/fields", "choicesIn", "one of 'rgb', 'grayscale'") == ["rgb", "grayscale"]
    assert compute("parts/fields", "choicesIn", "true or false") == ["true", "false"]
    assert compute("parts/fields", "choicesIn", "a whole number from 1 to 9") is None


def test_figures_are_written_as_people_read_them(compute: Compute) -> None:
    for function, value, text in [
        ("number", 0.123456, "0.1235"),
        ("number", 1234567, "1,234,567"),
        ("number", 0.0000123, "1.23e-5"),
        ("number", 0, "0"),
        ("number", None, "–"),
        ("bytes", 1536, "1.5 KiB"),
        ("bytesPerSecond", 11_200_000, "11.2 MB/s"),
        ("seconds", 0.0123, "12.3 ms"),
        ("seconds", 600, "10 min"),
        ("percent", 0.914, "91.4 %"),
    ]:
        assert compute("app/format", function, value) == text, (function, value)


def test_answers_of_each_task_can_be_shown(compute: Compute) -> None:
    def lines(answer: dict[str, Any]) -> list[tuple[str, float]]:
        found = compute("app/answers", "linesOf", answer, 0, ["no", "yes"])
        return [(line["name"], line.get("share", line.get("value"))) for line in found]

    assert lines({"probabilities": [[0.25, 0.75]]}) == [("yes", 0.75), ("no", 0.25)]
    assert lines({"probabilities": [0.75]}) == [("yes", 0.75), ("no", 0.25)]
    assert lines({"values": [[3.5]]}) == [("value", 3.5)]
    named = {"probabilities": [[0.9, 0.1]], "class_names": ["cat", "dog"]}
    assert lines(named) == [("cat", 0.9), ("dog", 0.1)]


PARSE = """async (pieces) => {
  const { EventParser } = await import("/page/app/event_parser.js");
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}"""


def test_events_come_whole_in_pieces_of_any_size(page: Page) -> None:
    text = 'retry: 1000\nid: 6\n\n:\n\nid: 7\nevent: step\ndata: {"seq":7,"text":"a: b"}\n\n'
    wanted = [(6, None), (None, None), (7, {"seq": 7, "text": "a: b"})]
    for size in (1, 7, len(text)):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        blocks = page.evaluate(PARSE, pieces)
        assert [(one["seq"], one["entry"]) for one in blocks] == wanted


def test_ink_is_found_and_its_middle_too(compute: Compute) -> None:
    pixels = [0] * (4 * 12)
    pixels[4 * 5] = pixels[4 * 6] = 255  # row 1 of 4 x 3, columns 1 and 2
    box = compute("app/ink", "inkBox", pixels, 4, 3)
    assert box == {"left": 1, "top": 1, "width": 2, "height": 1}
    assert compute("app/ink", "inkBox", [0] * 48, 4, 3) is None
    assert compute("app/ink", "massOffset", [0, 0, 0, 8], 2, 2) == [0.5, 0.5]


def test_a_value_comes_back_from_its_text(compute: Compute) -> None:
    for value in (
        3,
        0.05,
        "AdamW",
        "3",
        "",
        "\t",
        " a ",
        "true",
        None,
        True,
        [28, 28],
        {"type": "x"},
    ):
        assert (
            compute("parts/fields", "valueOf", compute("parts/fields", "textFor", value)) == value
        )
    assert compute("parts/fields", "textFor", "AdamW") == "AdamW"


def test_an_upload_is_called_like_its_file(compute: Compute) -> None:
    for file, name, kind in [
        ("My Pets.tar.gz", "my-pets", ""),
        ("pets.tar", "pets", ""),
        ("photos of 2026 (2).ZIP", "photos-of-2026-2", ""),
        ("a.b.csv", "a-b", "csv"),
        ("notes.md", "notes", "text"),
        ("ü", "", ""),
        ("x" * 99, "x" * 64, ""),
    ]:
        found = compute("views/new_job/upload", "guessed", file)
        assert (found["name"], found["format"], found["fields"]) == (name, kind, {}), file
    assert compute("views/new_job/upload", "guessed", "a.tsv")["fields"] == {"delimiter": '"\\t"'}
