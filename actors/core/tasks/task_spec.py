"""A task as frozen data that travels and is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.core.fields import Argument


@dataclass(frozen=True)
class TaskSpec:
    """A task by the name of its kind, and every argument as checked."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments as the loss is called with them."""
        return dict(self.arguments)


CLASSIFICATION = TaskSpec("classification")
