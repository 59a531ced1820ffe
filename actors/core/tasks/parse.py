"""A job's ``task`` as JSON has it -> a task that fits the data, or what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import check_fields, shown_value
from actors.core.model.model_spec import TensorSpec
from actors.core.sources.source_facts import SourceFacts
from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import TaskSpec

WHERE = "task"


def parse_task(given: Any, data: SourceFacts) -> TaskSpec:
    """``given`` is a task's name, an object with its ``type`` and its arguments, or None for the
    task that the data is clearly for. Raises ``InvalidRequest``, also where it does not fit the
    data."""
    is_object = isinstance(given, Mapping)
    name = given.get("type") if is_object else data.task if given is None else given
    if not isinstance(name, str) or name not in TASKS:
        where = f"{WHERE}.type" if is_object else WHERE
        raise InvalidRequest(
            f"{where} is {shown_value(name)}, but must be one of {', '.join(TASKS)}"
        )
    arguments = {n: v for n, v in given.items() if n != "type"} if is_object else {}
    task = TaskSpec(name, tuple(check_fields(WHERE, name, TASKS[name].fields, arguments).items()))
    wanted_outputs(task, data)
    told, meant = TASKS[name].answer, TASKS[data.task].answer
    if told != meant and {told, meant} == {"tokens", "labels"}:  # which are alike but for that
        raise InvalidRequest(
            f"{WHERE} is {name}, but {data.name} has {meant} to tell: use {data.task}, or leave "
            f"{WHERE} out"
        )
    return task


def wanted_outputs(task: TaskSpec, data: SourceFacts) -> TensorSpec:
    """The output that a model must give for a sample. Raises ``InvalidRequest`` if the task can't
    be used with this data."""
    try:
        return TASKS[task.kind].outputs(data.targets, data.num_classes)
    except ValueError as error:
        raise InvalidRequest(
            f"{WHERE} is {task.kind}, which wants {error}, but {data.name} has {targets_text(data)}"
            f": use {data.task}, or leave {WHERE} out"
        ) from None


def targets_text(data: SourceFacts) -> str:
    """A sample's targets, in words."""
    shape = list(data.targets.shape)
    if data.num_classes is None:
        return f"numbers, {shape or [1]} for each sample"
    return f"{data.num_classes} classes" + (f" at {shape} places of each sample" if shape else "")


def task_json(task: TaskSpec) -> dict[str, Any]:
    """With every argument, in the form that ``parse_task`` reads."""
    return {"type": task.kind, **task.keywords}
