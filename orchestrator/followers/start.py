"""Starts the followers that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import TandemError
from orchestrator.followers.follower import Follower, Tool
from orchestrator.followers.mlflow_runs import MlflowRuns
from orchestrator.followers.positions import PositionFile
from orchestrator.followers.tensorboard_files import TensorBoardFiles
from orchestrator.followers.webhook import Webhook
from orchestrator.jobs.job_book import JobBook
from orchestrator.manager.manager_config import ManagerConfig

EVENT = "tool"
"""The kind of their events in a job's log."""


def start_followers(
    config: ManagerConfig, book: JobBook, describe: Callable[[str], dict[str, Any]]
) -> None:
    """``describe`` gives a job's details."""

    def note(job_id: str, text: str) -> None:
        try:
            book.note(book.get(job_id), EVENT, text)
        except TandemError:
            return  # the job was deleted, or is broken

    for tool in _tools(config, book, describe, note):
        Follower(tool, note).start()


def _tools(
    config: ManagerConfig,
    book: JobBook,
    describe: Callable[[str], dict[str, Any]],
    note: Callable[[str, str], None],
) -> list[Tool]:
    folder = Path(config.storage_path) / "followers"
    tools: list[Tool] = []
    if config.webhook_url is not None:
        secret = None if config.webhook_secret_file is None else Path(config.webhook_secret_file)
        position = PositionFile(folder / "webhook.json")
        tools.append(Webhook(config.webhook_url, secret, book.log, position, describe, note))
    if config.tensorboard_dir is not None:
        position = PositionFile(folder / "tensorboard.json")
        tools.append(TensorBoardFiles(book, position, Path(config.tensorboard_dir)))
    if config.mlflow_uri is not None:
        tools.append(MlflowRuns(book, PositionFile(folder / "mlflow.json"), config.mlflow_uri))
    return tools
