"""What is asked of a trained model, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, FailFast, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import Body

MAX_PREDICT_ROWS = 10_000
MAX_SAMPLE_RANK = 5
MAX_PROMPTS = 64
MAX_IMAGES = 256
USUAL_TOKENS = 100
MAX_PROMPT_CHARS = 100_000
MAX_NEW_TOKENS = 10_000
MAX_TEMPERATURE = 100.0
MAX_TOP_K = 1_000_000
MAX_SEED = 2**32 - 1
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _plain(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise PydanticCustomError("choice", "a number, a text, true, false or null")
    return value


Cell = Annotated[
    Any,
    AfterValidator(_plain),
    WithJsonSchema({"anyOf": [{"type": t} for t in ("number", "string", "boolean", "null")]}),
]
"""A value in a row of a table."""


def _nested(depth: int) -> dict[str, Any]:
    """A JSON schema: a number, or lists in lists of them, so deep at most."""
    number = {"type": "number"}
    deeper = {"type": "array", "items": _nested(depth - 1)} if depth else None
    return number if deeper is None else {"anyOf": [number, deeper]}


class Predict(Body):
    """POST /api/jobs/<job_id>/predict with samples as numbers."""

    # Millions of numbers may be wrong: one error is enough.
    inputs: Annotated[list[Annotated[list[Finite], FailFast()]], FailFast()] = Field(
        min_length=1,
        max_length=MAX_PREDICT_ROWS,
        description="rows as the data is stored: pixels from 0 to 255, a table's own numbers, or "
        "tokens; each in one list, or nested as a sample is, such as [channels][height][width]",
        json_schema_extra={"items": {"type": "array", "items": _nested(MAX_SAMPLE_RANK - 1)}},
    )


class PredictTable(Body):
    """The same with rows of a table."""

    rows: Annotated[list[dict[str, Cell]], FailFast()] = Field(
        min_length=1,
        max_length=MAX_PREDICT_ROWS,
        description="rows as objects: the value of each column by its name; null where it is not "
        "known",
    )


class PredictText(Body):
    """The same with beginnings of texts, which a model for the next token goes on with."""

    prompts: list[Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARS)]] = Field(
        min_length=1, max_length=MAX_PROMPTS, description="what the texts begin with"
    )
    max_tokens: int = Field(
        USUAL_TOKENS, ge=1, le=MAX_NEW_TOKENS, description="so many tokens are added to each"
    )
    temperature: Finite = Field(
        1.0,
        ge=0,
        le=MAX_TEMPERATURE,
        description="below 1 the probable becomes more probable; 0 takes the most probable token",
    )
    top_k: int | None = Field(
        None, ge=1, le=MAX_TOP_K, description="draw from so many of the most probable; default all"
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="the same seed draws the same tokens")


class NoOptions(Body):
    """Of a form with image files."""


class TableOptions(Body):
    """How a table's file is written, in the same form as the file; default: as the job's own."""

    delimiter: str | None = Field(None, description="of a csv: the character between its cells")
    decimal: str | None = Field(None, description="of a csv: ',' if numbers are written 1,5")
    encoding: str | None = Field(None, description="of a csv, such as utf-8 or cp1252")
    header: bool | None = Field(None, description="of a csv: false if no row names the columns")


class Prediction(BaseModel):
    """One entry a sample; what there is depends on the job's task."""

    classes: list[int] | None = Field(None, description="classification, binary")
    labels: list[list[int]] | None = Field(None, description="multilabel: 0 or 1 for each label")
    tokens: list[int] | None = Field(None, description="next_token: that after the last one")
    values: list[Any] | None = Field(None, description="regression: numbers for each sample")
    probabilities: list[list[float]] | list[float] | None = Field(
        None, description="of each class, label or token; binary: of class 1"
    )
    texts: list[str] | None = Field(None, description="what follows each prompt")
    class_names: list[str] | None = Field(
        None, description="of all classes, in their order; where the data has names"
    )
    note: str | None = Field(
        None, description="only there when the values look as if another scale were meant"
    )
