from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.schedule.grid import draw
from actors.core.schedule.schedules import SCHEDULES
from actors.core.schedule.svg import MAX_GRID, svg_grid

DOCS = Path(__file__).resolve().parents[3] / "docs"
SVG = "{http://www.w3.org/2000/svg}"

stages = st.integers(1, 8)
microbatches = st.integers(1, 32)
names = st.sampled_from(sorted(SCHEDULES))


def test_the_text_shows_who_does_what_when() -> None:
    assert draw("1f1b", 2, 3).text().splitlines() == [
        "1f1b: 2 stages, 3 microbatches",
        "",
        "stage 0  F0 F1 .  .  B0--- F2 B1--- .  B2---",
        "stage 1  .  F0 B0--- F1 B1--- F2 B2--- .  .",
        "",
        "F forward, B backward; . waits",
        "12 forward passes long, bubble 25.0%; activations held, by stage: 2 1",
    ]


def test_a_split_backward_is_drawn_in_halves() -> None:
    lines = draw("zb-h1", 2, 2).text().splitlines()
    assert lines[2:4] == ["stage 0  F0 F1 .  B0--- B1---", "stage 1  .  F0 I0 F1 I1 W0 W1"]
    assert "I gradient of the inputs, W gradient of the weights" in lines[5]
    assert lines[6].endswith("by stage: 2 each")


def test_one_of_each_is_told_in_the_singular() -> None:
    assert draw("gpipe", 1, 1).title == "gpipe: 1 stage, 1 microbatch"


@given(stages, microbatches, names)
def test_columns_of_the_text_are_moments(p: int, m: int, name: str) -> None:
    drawing = draw(name, p, m)
    rows = [line.split("  ", 1)[1] for line in drawing.text().splitlines()[2 : 2 + p]]
    width = len(f"F{m - 1} ")
    for row, actions in zip(rows, drawing.schedule, strict=True):
        for action in actions:
            label = f"{action.kind.value}{action.microbatch}"
            assert row[drawing.begin(action) * width :].startswith(label)


@given(stages, microbatches, names)
def test_the_picture_has_a_bar_for_each_action(p: int, m: int, name: str) -> None:
    drawing = draw(name, p, m)
    picture = ElementTree.fromstring(svg_grid(drawing))
    bars = [bar.findtext(f"{SVG}title") for bar in picture.iter(f"{SVG}rect")]
    drawn = sorted(label for label in bars if label)
    expected = [f"{a.kind.value}{a.microbatch}" for actions in drawing.schedule for a in actions]
    assert drawn == sorted(expected)


@pytest.mark.parametrize(("p", "m"), [(1, 1), (4, 8), (16, 100)])
def test_all_of_the_picture_is_within_its_frame(p: int, m: int) -> None:
    picture = ElementTree.fromstring(svg_grid(draw("zb-h1", p, m)))
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for bar in picture.iter(f"{SVG}rect"):
        x, y = float(bar.get("x", 0)), float(bar.get("y", 0))
        assert x + float(bar.attrib["width"]) <= width
        assert y + float(bar.attrib["height"]) <= height
    assert width <= MAX_GRID + 200


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_the_documents_drawings_are_those_of_the_command(name: str) -> None:
    drawing = draw(name, 4, 8)
    rows = drawing.text().splitlines()[2:6]
    assert "\n".join(["```", *rows, "```"]) in (DOCS / "schedules.md").read_text()
    assert (DOCS / "schedules" / f"{name}.svg").read_text() == svg_grid(drawing)
