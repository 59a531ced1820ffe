"""The arguments with which the JobManager starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actors.core.folders import Folders
from orchestrator.uploads.upload_store import uploads_folder


@dataclass(frozen=True)
class ManagerConfig:
    """Settings that matter below the gateway; paths are the gateway's host's, times seconds."""

    data_dir: str
    storage_path: str
    data_roots: tuple[str, ...] = ()
    data_memory_bytes: int | None = None
    channel: str = "auto"
    actor_start_timeout_s: float = 60.0
    channel_timeout_s: float = 60.0
    heartbeat_timeout_s: float = 4.0
    webhook_url: str | None = None
    webhook_secret_file: str | None = None
    tensorboard_dir: str | None = None
    mlflow_uri: str | None = None

    @property
    def folders(self) -> Folders:
        """The folders from which data is read."""
        return Folders(Path(self.data_dir), tuple(map(Path, self.data_roots)), self.uploads)

    @property
    def uploads(self) -> Path:
        """The folder of uploaded data sets."""
        return uploads_folder(Path(self.storage_path))
