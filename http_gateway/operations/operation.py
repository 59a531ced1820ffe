"""What is declared of an operation, and what follows from that alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from http_gateway.schemas.base import Query

CALL_TIMEOUT_S = 30.0
ACTOR_START_TIMEOUT_S = 60.0
"""What a client reckons with: the setting's default."""
JSON = "application/json"
FORM = "multipart/form-data"
BINARY = "application/octet-stream"
FILE = "file"
"""A client's argument that is the body of an operation which takes a file."""
PATH_NAME = re.compile(r"<(\w+)>")

Schema = type[BaseModel] | dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ManagerCall:
    """A call of the JobManager's method ``name``.

    It is waited for during ``timeout_s``, and as often as ``actor_starts`` says as long as a
    LayerActor may take to start. ``may_repeat``: it changes nothing, or nothing more when it is
    done twice. ``is_quick``: it does not queue behind calls that take minutes. ``shows_at`` is
    where a caller sees whether a call without an answer was done.
    """

    name: str
    timeout_s: float = CALL_TIMEOUT_S
    actor_starts: int = 0
    may_repeat: bool = False
    is_quick: bool = False
    shows_at: str = "GET /api/jobs/<job_id>"

    def longest_s(self, actor_start_timeout_s: float) -> float:
        """How long an answer is waited for at most."""
        return self.timeout_s + self.actor_starts * actor_start_timeout_s


@dataclass(frozen=True)
class FileForm:
    """A form with at most ``max_files`` files in the field ``field``, and with texts in those of
    ``options``."""

    field: str
    max_files: int
    options: type[BaseModel]

    @property
    def schema(self) -> dict[str, Any]:
        """As /openapi.json has it."""
        file = {"type": "string", "format": "binary"}
        several = {"type": "array", "minItems": 1, "maxItems": self.max_files, "items": file}
        return {
            "type": "object",
            "properties": {self.field: several, **self.options.model_json_schema()["properties"]},
            "required": [self.field],
            "additionalProperties": False,
        }


@dataclass(frozen=True, kw_only=True)
class Operation(ManagerCall):
    """An operation of the API.

    Its arguments are those of ``path_parameters``, of ``query`` and of ``body``, by name. With
    ``whole_body`` the body is one argument, ``options``. With ``as_sent`` its fields are those of
    the JSON as it came, not as pydantic read it.

    The answer has ``message``, and what the method returned: as it is, or under ``result_name``.
    ``noun`` is the group in /openapi.json.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    noun: str
    summary: str
    response: Schema
    status: int = 200
    path_parameters: type[BaseModel] | None = None
    query: type[Query] | None = None
    body: type[BaseModel] | None = None
    whole_body: bool = False
    as_sent: bool = False
    reads_body_late: bool = False
    """Its body is read by what does the work, once that knows what the body has to be."""
    takes_file: bool = False
    """Its body is a file as it is, which may be larger than other bodies."""
    further_bodies: tuple[type[BaseModel], ...] = ()
    """Other forms of a body that is read late; a request has one of them."""
    forms: tuple[FileForm, ...] = ()
    """Forms that bring files instead; also only where the body is read late."""
    message: str | None = None
    result_name: str | None = None
    media_type: str = JSON
    also: tuple[str, ...] = ()
    """Media types in which it answers, too, if it is asked to."""
    gateways_own: tuple[str, ...] = ()
    """Parameters of its query that decide how it is answered: the method is not told them."""
    needs_token: bool = True

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        """Of the parameters in its path."""
        return tuple(PATH_NAME.findall(self.path))

    @cached_property
    def query_names(self) -> dict[str, bool]:
        """The parameters that its query may have, and whether each is required."""
        fields = self.query.model_fields if self.query else {}
        return {name: field.is_required() for name, field in fields.items()}

    @cached_property
    def body_names(self) -> dict[str, bool]:
        """The fields of its body as JSON names them, and whether each is required."""
        fields = self.body.model_fields if self.body else {}
        return {field.alias or name: field.is_required() for name, field in fields.items()}

    @property
    def optional_names(self) -> tuple[str, ...]:
        """Arguments by name only, of its query and its body."""
        query = [name for name, is_needed in self.query_names.items() if not is_needed]
        own = [name for name, is_needed in self.body_names.items() if not is_needed]
        further = [name for body in self.further_bodies for name in body.model_fields]
        files = [name for form in self.forms for name in (form.field, *form.options.model_fields)]
        return (*query, *own, *further, *files)

    @property
    def required_names(self) -> tuple[str, ...]:
        """Arguments without which there is no request: the path's, the query's, then the body's."""
        needed = [name for name, is_needed in self.query_names.items() if is_needed]
        needed += [FILE] if self.takes_file else []
        needed += [name for name, is_needed in self.body_names.items() if is_needed]
        return (*self.path_names, *needed)

    @property
    def request_models(self) -> list[type[BaseModel]]:
        """By which its requests are checked."""
        return [m for m in (self.path_parameters, self.query, self.body) if m is not None]

    def to_answer(self, result: Any) -> Any:
        """The body of its answer."""
        shown = {self.result_name: result} if self.result_name else result
        return shown if self.message is None else {"message": self.message, **(shown or {})}

    def to_result(self, answer: Any) -> Any:
        """What a client is told of that body; None of one that has but a message."""
        if self.result_name is not None:
            return answer[self.result_name]
        is_bare = isinstance(answer, dict) and answer.keys() == {"message"}
        return None if is_bare else answer


class JobClient(Protocol):
    """The JobManager as the routes see it."""

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> Any:
        """What the JobManager's method of that name returns, ready to be JSON.

        Raises errors of ``actors.core.errors`` and ``orchestrator.errors`` only; waits a bounded
        time and then raises ``Unavailable``.
        """
        ...
