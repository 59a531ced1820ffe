"""What is to be measured of a model on a device."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.model.facts import BlockFacts
from actors.core.model.model_spec import ModelSpec
from actors.core.recipe.recipe import Recipe
from actors.core.stages.profiles import BlockWork
from actors.core.tasks.task_spec import TaskSpec


@dataclass(frozen=True)
class ProbeRequest:
    """A model to measure, by microbatches of ``rows``, the most important first, with this number
    of threads, updated by ``recipe``. ``works`` and ``facts`` belong to its blocks, which take at
    least ``min_rows``. ``budget_s`` is roughly the time it may take; the first measurement is made
    in any case."""

    model: ModelSpec
    task: TaskSpec
    works: tuple[BlockWork, ...]
    facts: tuple[BlockFacts, ...]
    recipe: Recipe
    batch_size: int
    rows: tuple[int, ...]
    threads: int
    budget_s: float
    min_rows: int = 1
