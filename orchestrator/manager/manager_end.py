"""Finds out whether the JobManager ended for lack of memory; Ray writes that only to its own
log."""

from __future__ import annotations

from pathlib import Path

from orchestrator.connection.out_of_memory import last_kill, pressure, shortage

MANAGER_CLASS = "JobManagerActor"
LOG_TAIL_BYTES = 512 * 1024
REMEDY = (
    "end other programs there, give its devices less to do (smaller batches), or start "
    "Ray with a higher RAY_memory_usage_threshold"
)


class RayletLog:
    """The entries of this node's memory monitor since the JobManager's last answer; the JobManager
    is on the same node."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read_bytes = 0
        self.skip()

    @classmethod
    def here(cls) -> RayletLog:
        """The log of the node to which this process is connected."""
        from ray._private import worker

        node = worker._global_node
        return cls(Path("raylet.out" if node is None else f"{node.get_logs_dir_path()}/raylet.out"))

    def skip(self) -> None:
        """Skips the entries written so far."""
        try:
            self._read_bytes = self._log.stat().st_size
        except OSError:
            self._read_bytes = 0

    def why_ended(self) -> str | None:
        """The reason in a sentence; None if the monitor has not ended the JobManager."""
        kill = last_kill(self._news(), MANAGER_CLASS)
        why = None if kill is None else shortage(kill)
        return None if why is None else f"The JobManager {why}. Remedy: {REMEDY}"

    def why_silent(self) -> str | None:
        """The same, or a sentence that its host is too full for it."""
        if (ended := self.why_ended()) is not None:
            return ended
        full = pressure(self._news())
        return (
            None
            if full is None
            else f"The JobManager has too little memory: {full}. Remedy: {REMEDY}"
        )

    def _news(self) -> str:
        try:
            with self._log.open("rb") as file:
                size = self._log.stat().st_size
                begin = self._read_bytes if self._read_bytes <= size else 0
                file.seek(max(begin, size - LOG_TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""
