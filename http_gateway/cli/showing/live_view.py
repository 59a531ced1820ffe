"""Shows a job: as a live picture in a terminal, as plain lines, or as JSON."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from http_gateway.cli.showing.curve import Curve
from http_gateway.cli.showing.lanes import Lanes, key
from http_gateway.cli.showing.tables import (
    device_rows,
    device_table,
    epoch_table,
    metric_label,
    metric_text,
    validation_metrics,
)

CURVE_LABEL = "loss "
FILE_WIDTH = 120  # columns; a file has no width to which a table would have to be cut


class View(ABC):
    """Gets a command's steps, then what happens to the job and how it is then, then its end."""

    draws_curve = False

    def __init__(self) -> None:
        self._epochs_shown = 0
        self._recovery: dict[str, Any] | None = None
        self._storage_error: str | None = None

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def step(self, event: str, text: str, **fields: Any) -> None:
        """A step is done: ``text`` says so to people, ``event`` and ``fields`` to programs."""

    @abstractmethod
    def show(self, job: dict[str, Any]) -> None:
        """The job's details as they are now."""

    def hear(self, entry: dict[str, Any]) -> None:
        """An entry of the job's log."""
        return

    def draw(self, losses: Sequence[float]) -> None:
        """Those of earlier steps, for a view that ``draws_curve``."""
        return

    @abstractmethod
    def end(self, job: dict[str, Any]) -> None:
        """The job has ended: what came out."""

    def cut_off(self, error: str) -> None:
        """The command ends before the job's end is known; ``error`` is on stderr."""
        return

    def close(self) -> None:
        """Nothing moves any more; what was shown stays."""
        return

    def _new_epochs(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = job["history"]
        if len(history) < self._epochs_shown:  # the job was initialized again
            self._epochs_shown = 0
        new = history[self._epochs_shown :]
        self._epochs_shown = len(history)
        return new

    def _new_recovery(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """What the job waits for, and why, if that is new."""
        before, self._recovery = self._recovery, recovery(job)
        return self._recovery if self._recovery != before else None

    def _has_storage_news(self, job: dict[str, Any]) -> bool:
        """Whether the reason why the job is not saved has changed."""
        before, self._storage_error = self._storage_error, job.get("storage_error")
        return self._storage_error != before


class PlainView(View):
    """A line a step and an epoch, and the tables at the end."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def step(self, event: str, text: str, **fields: Any) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, job: dict[str, Any]) -> None:
        for record in self._new_epochs(job):
            self.step("epoch", epoch_text(record))
        if (news := self._new_recovery(job)) is not None:
            self.step("recovering", recovery_text(news))
        if self._has_storage_news(job):
            self.step("storage", storage_text(self._storage_error))

    def end(self, job: dict[str, Any]) -> None:
        self.step("ended", f"Job {job['job_id']} is {job['status']}.")
        if job["history"]:
            self._console.print(epoch_table(job["history"]))
        if device_rows(job):
            self._console.print(device_table(job))


class TerminalView(PlainView):
    """A bar, the curve of the loss, the last epoch and a lane a device, drawn over and over; the
    tables at the end."""

    draws_curve = True

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar = Progress(
            TextColumn("{task.fields[status]}, epoch {task.fields[epoch]}"),
            TextColumn("step {task.fields[step]}"),
            BarColumn(bar_width=None),
            TextColumn("loss {task.fields[loss]}, {task.fields[rate]} samples/s, ETA"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        fields: dict[str, Any] = dict.fromkeys(("status", "epoch", "step", "loss", "rate"), "–")
        self._task = self._bar.add_task("train", total=None, **fields)
        self._live = Live(console=console, transient=True, refresh_per_second=5)
        self._curve, self._lanes = Curve(), Lanes()

    def hear(self, entry: dict[str, Any]) -> None:
        if entry["kind"] == "step" and entry["values"]["loss"] is not None:
            self._curve.add([entry["values"]["loss"]])

    def draw(self, losses: Sequence[float]) -> None:
        self._curve.add(losses)

    def show(self, job: dict[str, Any]) -> None:
        if not self._live.is_started:
            self._live.start()
        self._update_bar(job)
        parts: list[RenderableType] = [self._bar]
        if curve := self._curve.text(self._console.width - len(CURVE_LABEL)):
            parts.append(Text(f"{CURVE_LABEL}{curve}"))
        if job["history"]:
            parts.append(Text(epoch_text(job["history"][-1])))
        if (found := recovery(job)) is not None:
            parts.append(Text(recovery_text(found)))
        if job.get("storage_error"):
            parts.append(Text(storage_text(job["storage_error"])))
        if device_rows(job):
            parts += [self._lanes.table(job), key()]
        self._live.update(Group(*parts))

    def end(self, job: dict[str, Any]) -> None:
        self.close()
        super().end(job)

    def close(self) -> None:
        self._live.stop()

    def _update_bar(self, job: dict[str, Any]) -> None:
        self._bar.update(self._task, status=job["status"])
        progress = job.get("progress")
        if not progress or not progress["steps"]:
            return
        done = (max(1, progress["epoch"]) - 1) * progress["steps"] + progress["step"]
        loss = progress["loss"]
        self._bar.update(
            self._task,
            completed=done,
            total=progress["epochs"] * progress["steps"],
            epoch=f"{progress['epoch']}/{progress['epochs']}",
            step=f"{progress['step']}/{progress['steps']}",
            loss="–" if loss is None else f"{loss:.4f}",
            rate=f"{progress['samples_per_s']:,.0f}",
        )


class JsonView(View):
    """One JSON object a line; the last one is always ``ended``."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._progress: dict[str, Any] | None = None
        self._ended = False

    def step(self, event: str, text: str, **fields: Any) -> None:
        self._stream.write(json.dumps({"event": event, **fields}) + "\n")
        self._stream.flush()

    def show(self, job: dict[str, Any]) -> None:
        for record in self._new_epochs(job):
            self.step("epoch", "", **record)
        if (news := self._new_recovery(job)) is not None:
            self.step("recovering", "", **news)
        if self._has_storage_news(job):
            self.step("storage", "", error=self._storage_error)
        progress = job.get("progress")
        if progress and progress != self._progress:
            self._progress = progress
            self.step("progress", "", **progress)

    def end(self, job: dict[str, Any]) -> None:
        for row in device_rows(job):
            self.step("device", "", **row)
        self._end(job["status"], job.get("error"))

    def cut_off(self, error: str) -> None:
        if not self._ended:
            self._end(None, error)

    def _end(self, status: str | None, error: str | None) -> None:
        self._ended = True
        self.step("ended", "", status=status, error=error)


def new_view(json_lines: bool) -> View:
    """The view that suits what stdout is."""
    return JsonView(sys.stdout) if json_lines else console_view(new_console())


def console_view(console: Console) -> PlainView:
    """The view that suits what the console writes to."""
    moves = console.is_terminal and not console.is_dumb_terminal
    return TerminalView(console) if moves else PlainView(console)


def new_console() -> Console:
    """Colours and movement for a terminal alone, even where FORCE_COLOR asks rich for more."""
    if sys.stdout.isatty():
        return Console()
    return Console(force_terminal=False, width=FILE_WIDTH)


def epoch_text(record: dict[str, Any]) -> str:
    """A finished epoch in a line."""
    metrics = validation_metrics(record).items()
    told = ", ".join(f"{metric_label(name)} {metric_text(name, value)}" for name, value in metrics)
    return (
        f"epoch {record['epoch']}: train loss {record['train_loss']:.4f}, validation {told}, "
        f"{record['samples_per_s']:,.0f} samples/s"
    )


def recovery(job: dict[str, Any]) -> dict[str, Any] | None:
    """``waiting_for`` and ``newest_event`` of a job that recovers; None of any other."""
    if job["status"] != "recovering":
        return None
    waiting_for = (job.get("recovery") or {}).get("waiting_for", [])
    return {"waiting_for": waiting_for, "newest_event": job.get("newest_event")}


def recovery_text(found: dict[str, Any]) -> str:
    """It in a line."""
    devices, why = ", ".join(found["waiting_for"]), found["newest_event"]
    return (
        "recovering" + (f": waits for {devices}" if devices else "") + (f" ({why})" if why else "")
    )


def storage_text(error: str | None) -> str:
    """Why the latest is not on the disk, or that it is again, in a line."""
    return "saved again" if error is None else f"not saved yet: {error}"
