"""The rows of a prediction: what is taken, what is refused and how, and how much memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from http_gateway.operations.rows import MAX_OUTPUTS, Rows, note_about, read_rows

FORM = InputForm((3,), is_pixels=True)
SHAPE = (FORM, 10)  # what a row is, and classes
PIXELS = [[0, 255, 0.5], [1e-3, 2.5e2, 7]]


def read(inputs: Any, shape: tuple[InputForm, int] = SHAPE) -> Rows:
    return read_rows(json.dumps({"inputs": inputs}).encode(), *shape)


def refused(body: bytes, shape: tuple[InputForm, int] = SHAPE) -> str:
    with pytest.raises(InvalidRequest) as error:
        read_rows(body, *shape)
    return error.value.message


def test_rows_are_float32_as_pytorch_makes_them_of_numbers() -> None:
    rows = read([[0.1, 254.99999999, 16777217 / 2**17]])
    (row,) = rows.rows
    assert row.dtype == np.float32
    assert row.tolist() == np.array([0.1, 254.99999999, 16777217 / 2**17], np.float32).tolist()
    assert rows.largest == 254.99999999


def test_all_ways_to_write_it_give_the_same_rows(subtests: pytest.Subtests) -> None:
    for body in [
        b'{"inputs":[[0,255,0.5],[1e-3,2.5e2,7]]}',
        b' {\n"inputs" :\t[ [ 0 , 255, 0.5 ]\r\n, [1E-3, 2.5e+2,7.0] ] } \n',
        b'{"\\u0069nputs": [[0, 255, 0.5], [0.001, 250, 7]]}',
        '{"inputs": [[0, 255, 0.5], [0.001, 250, 7]]}'.encode("utf-16"),
    ]:
        with subtests.test(body=body):
            expected = np.array(PIXELS, np.float32).tolist()
            assert [row.tolist() for row in read_rows(body, *SHAPE).rows] == expected


def test_a_value_that_is_no_pixel_is_refused_by_its_place(subtests: pytest.Subtests) -> None:
    for value, shown in [
        (-1, "-1"),
        (300, "300"),
        (255.001, "255.001"),
        (1e30, "1e+30"),
        (-1e-9, "-1e-09"),
    ]:
        with subtests.test(value=value, shown=shown):
            text = refused(json.dumps({"inputs": [[0, 0, 0], [1, 2, value]]}).encode())
            assert text.startswith(f"inputs[1][2] is {shown}, but must be a number from 0 to 255")


def test_a_number_beyond_all_bounds_is_refused_by_its_place(subtests: pytest.Subtests) -> None:
    for value in [b"1e999", b"-1e999", b"9" * 400, b"-" + b"9" * 400]:
        with subtests.test(value=value):
            assert refused(b'{"inputs": [[0, %b, 0]]}' % value).startswith("inputs[0][1] is ")


def test_a_row_of_another_length_is_refused_by_its_place(subtests: pytest.Subtests) -> None:
    for inputs, index, length in [([[]], 0, 0), ([[0, 1]], 0, 2), ([[0, 1, 2], [0] * 4], 1, 4)]:
        with subtests.test(inputs=inputs, index=index, length=length):
            text = refused(json.dumps({"inputs": inputs}).encode())
            assert text == f"inputs[{index}] has {length} values, but the network takes 3"


def test_too_many_rows_are_refused_before_the_rest_is_looked_at() -> None:
    body = b'{"inputs": [' + b"[1, 2, 3], " * 10_000 + b"[1, 2, 3], nonsense"
    assert "more than 10000 entries" in refused(body)


def test_a_network_of_very_many_classes_takes_fewer_rows() -> None:
    many = (InputForm((1,), is_pixels=True), 65_536)
    most = MAX_OUTPUTS // 65_536
    assert len(read([[1]] * most, many).rows) == most
    assert f"more than {most} entries" in refused(
        json.dumps({"inputs": [[1]] * (most + 1)}).encode(), many
    )


def test_a_mistake_in_a_large_body_is_told_by_its_byte(subtests: pytest.Subtests) -> None:
    for ending in [
        b"[1, 2, 3]",
        b"[1, 2, 3]}",
        b"[1, 2, null]]}",
        b"[1, 2, 03]]}",
        b'[1, 2, 3]], "k": 1}',
    ]:
        with subtests.test(ending=ending):
            body = b'{"inputs": [' + b"[1,2,3]," + b" " * 2**20 + ending
            text = refused(body)
            at = int(text.rpartition(" ")[2])
            assert len(body) - len(ending) <= at <= len(body)


def test_rows_take_no_more_memory_than_their_numbers() -> None:
    num_features, num_rows = 784, 500
    body = json.dumps({"inputs": [[0.125] * num_features] * num_rows}).encode()
    tracemalloc.start()
    rows = read_rows(body, InputForm((num_features,), is_pixels=True), 10)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows.rows) == num_rows
    assert peak_bytes < 1.5 * 4 * num_features * num_rows


def test_rows_are_handed_on_in_blocks() -> None:
    rows = read([[n, 0, 0] for n in range(5)])
    assert [block[:, 0].tolist() for block in rows.blocks(2)] == [[0, 1], [2, 3], [4]]


def test_values_of_another_scale_are_told(subtests: pytest.Subtests) -> None:
    for dataset, largest, factor in [
        ("digits", 16.0, "16"),
        ("digits", 1.0, "255"),
        ("MNIST", 1.0, "255"),
        ("MNIST", 0.3, "255"),
    ]:
        with subtests.test(dataset=dataset, largest=largest, factor=factor):
            note = note_about(FORM, dataset, largest)
            assert note is not None and factor in note


def test_pixels_are_taken_without_a_word(subtests: pytest.Subtests) -> None:
    for dataset, largest in [("digits", 17.0), ("MNIST", 16.0), ("digits", 0.0), ("MNIST", 255.0)]:
        with subtests.test(dataset=dataset, largest=largest):
            assert note_about(FORM, dataset, largest) is None


IMAGE = (InputForm((2, 2, 3), is_pixels=True), 10)
NESTED = [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 255]]]


def test_a_sample_may_be_nested_as_it_is_stored() -> None:
    flat = [*range(11), 255]
    for body in (
        json.dumps({"inputs": [NESTED, flat]}).encode(),
        json.dumps({"inputs": [flat, NESTED]}, indent=2).encode(),
        json.dumps({"inputs": [NESTED, NESTED]}).encode("utf-16"),
    ):
        assert [row.tolist() for row in read_rows(body, *IMAGE).rows] == [flat] * 2


def test_a_nested_row_that_is_no_sample_is_refused(subtests: pytest.Subtests) -> None:
    for row, text in [
        ([[0, 1], [2, 3]], "inputs[0] has the shape [2, 2], but the network takes [2, 2, 3]"),
        ([[[0] * 3] * 2] * 3, "inputs[0] has the shape [3, 2, 3]"),
        ([[[[0]] * 3] * 2] * 2, "inputs[0] has the shape [2, 2, 3, 1]"),
        ([[[0] * 3] * 2, [[0] * 3]], "inputs[0] has lists of unlike lengths"),
        ([[[0] * 3] * 2, 1], "inputs[0] has lists of unlike lengths"),
        ([[], []], "inputs[0] has the shape [2, 0]"),
        ([[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 300, 1]]], "inputs[0][1][1][1] is 300"),
        ([[["0", 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 3, 1]]], "inputs[0][0] is '0'"),
        ([[[None, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 3, 1]]], "inputs[0][0] is null"),
        ([[[True, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 3, 1]]], "inputs[0][0] is true"),
        ([[[{}, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 3, 1]]], "inputs[0][0] is {}"),
    ]:
        with subtests.test(row=row, text=text):
            assert refused(json.dumps({"inputs": [row]}).encode(), IMAGE).startswith(text)


def test_what_is_nested_very_deep_is_refused_at_once() -> None:
    deep = "[" * 900 + "1" + "]" * 900
    many = ", 1" * 100_000
    assert "inputs[0]" in refused(f'{{"inputs": [[{deep}{many}, true]]}}'.encode(), IMAGE)
    wide = (InputForm((1, 40, 40)), 10)
    deeper = "[" * 2_500 + "1" + "]" * 2_500
    assert "nested too deeply" in refused(f'{{"inputs": [{deeper}]}}'.encode(), wide)


def test_a_row_with_a_list_anywhere_is_a_nested_one() -> None:
    first = [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 3, 1]]]
    body = json.dumps({"inputs": [first, [1, [2], *[0] * 10]]}).encode()
    assert refused(body, IMAGE).startswith("inputs[1] has lists of unlike lengths")


def test_brackets_without_end_are_refused_at_once() -> None:
    for body in (b'{"inputs": [' + b"[" * 2**21, b'{"inputs": [[' + b"[]," * 2**20):
        assert "differs at byte 12" in refused(body, IMAGE)


def test_tokens_are_whole_numbers_below_their_count() -> None:
    text = (InputForm((3,), num_tokens=65), 10)
    assert [row.tolist() for row in read([[0, 64, 1.0]], text).rows] == [[0, 64, 1]]
    for wrong in (65, -1, 0.5, 1e30):
        said = refused(json.dumps({"inputs": [[0, 0, wrong]]}).encode(), text)
        assert said.startswith(
            f"inputs[0][2] is {wrong:g}, but must be a whole number from 0 to 64"
        )


def test_a_tables_numbers_are_any_that_float32_can_hold() -> None:
    table = (InputForm((3,)), 1)
    assert [row.tolist() for row in read([[-5, 1e6, 0]], table).rows] == [[-5, 1e6, 0]]
    for wrong in ("1e39", "-1e39", "1e999"):
        body = b'{"inputs": [[0, 0, %b]]}' % wrong.encode()
        assert "float32 can hold" in refused(body, table)
    assert note_about(table[0], "iris", 0.5) is None


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(st.sampled_from('{}[]":,inputs \\u0dE8+-.Na1'), max_size=40))
def test_whatever_is_sent_it_is_taken_or_refused(ending: str) -> None:
    for body in (ending.encode(), b'{"inputs": [' + ending.encode()):
        try:
            rows = read_rows(body, *SHAPE)
        except InvalidRequest:
            continue
        assert json.loads(body)["inputs"] == [pytest.approx(row.tolist()) for row in rows.rows]
