"""A thread that tells one tool what is new, again and again, and never disturbs a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from actors.background import Rounds

LOOK_S = 1.0
MAX_WAIT_S = 60.0


class ToolTrouble(Exception):
    """The tool did not take what it was told; it will be told again. ``job_id`` is the job that
    is concerned; ``is_of_one_job`` says that others can be told nevertheless."""

    def __init__(self, job_id: str, text: str, is_of_one_job: bool = False) -> None:
        super().__init__(job_id, text, is_of_one_job)
        self.job_id = job_id
        self.text = text
        self.is_of_one_job = is_of_one_job


class Tool(Protocol):
    """A program elsewhere, or its files."""

    name: str

    def tell_news(self) -> None:
        """Raises ``ToolTrouble``; what was told before that is not told again."""
        ...


class Follower:
    """``note`` puts a sentence into a job's events: once for each trouble, however often the tool
    is tried; with more and more time between two tries."""

    def __init__(self, tool: Tool, note: Callable[[str, str], None]) -> None:
        self._tool = tool
        self._note = note
        self._trouble: str | None = None
        self._rounds = Rounds(f"What tells {tool.name}")
        self.wait_s = LOOK_S
        """Before the next round."""

    def start(self) -> None:
        """In a thread that ends with the process."""
        threading.Thread(target=self._run, name=f"follower-{self._tool.name}", daemon=True).start()

    def round(self) -> None:
        """Tells what is new now."""
        with self._rounds.round():
            try:
                self._tool.tell_news()
            except ToolTrouble as trouble:
                self.wait_s = min(2 * self.wait_s, MAX_WAIT_S)
                if self._trouble is None:
                    self._note(trouble.job_id, f"{self._tool.name}: {trouble.text}")
                self._trouble = trouble.text
            else:
                self._trouble, self.wait_s = None, LOOK_S

    def _run(self) -> None:
        while True:
            time.sleep(self.wait_s)
            self.round()
