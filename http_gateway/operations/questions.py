"""What a request asks of a trained model, in exactly one of five forms: numbers, image files, a
table's file, rows of a table, prompts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError

from actors.core.asking.asked_images import AskedImages
from actors.core.asking.asked_table import FIELD, AskedTable
from actors.core.asking.prompts import Prompts
from actors.core.asking.question import Question
from actors.core.asking.table_rows import TableRows
from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from actors.core.rows.image_decoding import ImageBytes
from actors.core.units import size_text
from http_gateway.operations.json_request import parse_body
from http_gateway.operations.operation import FORM
from http_gateway.operations.rows import SMALL_BODY, most_rows, read_rows
from http_gateway.operations.validation_text import shorten, validation_text
from http_gateway.schemas.predict import MAX_IMAGES, PredictTable, PredictText

IMAGE = "image"
WANTED = {
    IMAGE: "images",
    FIELD: "a table with named columns",
    "rows": "a table with named columns",
    "prompts": "a text",
}
"""What a network must have been trained on, by the field that asks it."""
MAX_PARSED_BYTES = 16 * 2**20
MAX_ROW_FIELDS = 10_000
MAX_NAME_CHARS = 200
"""Of a file's name, which ends in what the file is."""
FIRST_FIELD = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(\w+)"')

ReadQuestion = Callable[[InputForm, int], Question]
"""Given what a sample has to be, and how many numbers its answer has."""
Parsed = TypeVar("Parsed", bound=BaseModel)


def read_question(request: Request, form: InputForm, num_outputs: int) -> Question:
    """Raises ``InvalidRequest``. A form that the network can't take is refused before it is
    read."""
    if request.mimetype == FORM:
        return _of_form(request, form, most_rows(num_outputs))
    body = request.get_data(cache=False)
    first = FIRST_FIELD.match(body)
    name = first[1].decode() if first else ""
    if name != "inputs" and len(body) <= _most_bytes(name, form, body):
        parsed = parse_body(body, MAX_ROW_FIELDS)
        ways = [way for way in ("inputs", "rows", "prompts") if way in parsed]
        if len(ways) != 1:
            has = " and ".join(ways) or "none of them"
            raise InvalidRequest(
                f"The request has {has}, but must have exactly one of inputs, rows, prompts; "
                f"files come as a form, such as curl -F {IMAGE}=@photo.jpg"
            )
        if ways != ["inputs"]:
            _check_way(ways[0], form)
            return _of_fields(parsed, most_rows(num_outputs))
    return read_rows(body, form, num_outputs)


def _most_bytes(name: str, form: InputForm, body: bytes) -> int:
    """So large a body is parsed as a whole; rows of numbers are not."""
    if name not in ("rows", *PredictText.model_fields):
        return SMALL_BODY
    _check_way("rows" if name == "rows" else "prompts", form)
    if len(body) > MAX_PARSED_BYTES:
        raise InvalidRequest(
            f"The request body has {size_text(len(body))}, but {name} must come in at most "
            f"{size_text(MAX_PARSED_BYTES)}: send fewer at once"
        )
    return MAX_PARSED_BYTES


def _check_way(way: str, form: InputForm) -> None:
    if way not in form.ways:
        raise InvalidRequest(
            f"{way} is for networks that were trained on {WANTED[way]}, but this one takes "
            f"{', '.join(form.ways)}: send one of these"
        )


def _of_fields(parsed: dict[str, Any], most: int) -> Question:
    if "rows" in parsed:
        table = _validated(parsed, PredictTable).rows
        _check_count("rows", len(table), most)
        return TableRows(tuple(table))
    asked = _validated(parsed, PredictText)
    return Prompts(
        tuple(asked.prompts), asked.max_tokens, asked.temperature, asked.top_k, asked.seed
    )


def _validated(parsed: dict[str, Any], model: type[Parsed]) -> Parsed:
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise InvalidRequest(validation_text(error, model)) from error


def _of_form(request: Request, form: InputForm, most: int) -> Question:
    """A network takes files of one kind at most, and no other is read."""
    way = FIELD if FIELD in form.ways else IMAGE
    _check_way(way, form)
    texts = request.form if way == IMAGE else ()
    for name in sorted({*request.files, *texts} - {way}):
        if name in WANTED:
            _check_way(name, form)
        raise InvalidRequest(
            f'The form has the field "{shorten(name)}", but this network takes files in {way} alone'
        )
    return _images(request, most) if way == IMAGE else _table(request, most)


def _table(request: Request, most: int) -> AskedTable:
    files = request.files.getlist(FIELD)
    if len(files) != 1:
        raise InvalidRequest(
            f"{FIELD} comes {len(files):,} times, but must be one file, such as "
            f"curl -F {FIELD}=@patients.csv"
        )
    content = files[0].read(MAX_PARSED_BYTES + 1)
    if len(content) > MAX_PARSED_BYTES:
        raise InvalidRequest(
            f"{FIELD} has more than {size_text(MAX_PARSED_BYTES)}, the limit: split the file"
        )
    name = files[0].filename or "without a name"
    return AskedTable(name[-MAX_NAME_CHARS:], content, request.form.to_dict(), most)


def _images(request: Request, most: int) -> AskedImages:
    files = request.files.getlist(IMAGE)
    if not files:
        raise InvalidRequest(
            f"{IMAGE} is missing: it must be 1 to {MAX_IMAGES} files, such as "
            f"curl -F {IMAGE}=@photo.jpg"
        )
    _check_count(IMAGE, len(files), min(most, MAX_IMAGES))
    return AskedImages(
        tuple(
            ImageBytes(
                f"{IMAGE}[{index}] ({shorten(file.filename or 'without a name')})", file.read()
            )
            for index, file in enumerate(files)
        )
    )


def _check_count(field: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidRequest(
            f"{field} has {count:,} entries, but this network takes at most {most:,} at once: send "
            "the others in another request"
        )
