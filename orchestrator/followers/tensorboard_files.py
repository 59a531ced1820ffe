"""Writes each job's curves for TensorBoard, by the writer of PyTorch and TensorBoard themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.followers.curve_tool import Curve, CurveTool, Known
from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.positions import PositionFile
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook

MISSING = (
    "tensorboard_dir is set, but TensorBoard is not installed on the gateway's host: "
    "pip install 'tandem-train[tensorboard]', then start the gateway again"
)


class TensorBoardFiles(CurveTool):
    """A folder a job, named after its number. Steps that a roll-back has taken back, or of weights
    that the job has no more, are taken out: the library's ``purge_step``. ``last`` of a ``Known``
    has the last step of each curve in the files."""

    name = "TensorBoard"

    def __init__(self, book: JobBook, position: PositionFile, folder: Path) -> None:
        super().__init__(book, position)
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def _tell(self, job: Job, known: Known, curves: Sequence[Curve]) -> None:
        if not curves:
            return
        last: dict[str, int] = known.setdefault("last", {})
        again = [c["steps"][0] for c in curves if c["steps"][0] <= last.get(c["name"], 0)]
        purge_step = min(again, default=None)
        writer = self._writer(job, purge_step)
        if purge_step is not None:  # no curve has any of those steps now
            last |= {name: min(step, purge_step - 1) for name, step in last.items()}
        try:
            for curve in curves:
                for step, at_s, value in zip(
                    curve["steps"], curve["at"], curve["values"], strict=True
                ):
                    if value is not None:
                        writer.add_scalar(curve["name"], value, step, walltime=at_s)
                last[curve["name"]] = curve["steps"][-1]
            writer.flush()
        except OSError as error:
            self._writers.pop(job.identity, None)
            raise _refused(job, self._folder, error) from error

    def _tell_end(self, job: Job, known: Known) -> None:
        self._close(job.identity)

    def _tell_gone(self, identity: str, known: Known) -> None:
        self._close(identity)

    def _close(self, identity: str) -> None:
        writer = self._writers.pop(identity, None)
        if writer is not None:
            writer.close()

    def _writer(self, job: Job, purge_step: int | None) -> Any:
        """Its writer. With a ``purge_step`` it is a new one: the library takes that at the start
        of a file."""
        writer = self._writers.get(job.identity)
        if writer is not None and purge_step is None:
            return writer
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ToolTrouble(job.job_id, MISSING) from error
        if writer is not None:
            writer.close()
        try:
            made = SummaryWriter(str(self._folder / f"job-{job.identity}"), purge_step=purge_step)
        except OSError as error:
            raise _refused(job, self._folder, error) from error
        self._writers[job.identity] = made
        return made


def _refused(job: Job, folder: Path, error: OSError) -> ToolTrouble:
    return ToolTrouble(
        job.job_id,
        f"its files in {folder} can't be written ({error.strerror}): see that the disk has room "
        "and that the gateway may write there",
    )
