"""Loops that look after something in the background: one bad round does not end them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class Rounds:
    """The rounds of one such loop. An error that nobody expected is logged, once as long as it
    stays the same, and the next round comes; ``trouble`` has its words until a round is well."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self.trouble: str | None = None

    @contextmanager
    def round(self) -> Iterator[None]:
        """One of them."""
        try:
            yield
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if text != self.trouble:
                logger.error("%s met an unexpected error and goes on", self._whose, exc_info=error)
            self.trouble = text
        else:
            self.trouble = None
