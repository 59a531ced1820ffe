"""What a data set is, before anything is trained on it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from http_gateway.schemas.base import RequiredTogether
from http_gateway.schemas.job_request import DatasetConfig


class InspectDataset(RequiredTogether):
    """POST /api/datasets/inspect."""

    required_fields = ("dataset_config",)
    required_text = "Dataset configuration is required"

    dataset: DatasetConfig = Field(alias="dataset_config")


class ShownInputs(BaseModel):
    """A sample as a model is given it."""

    shape: list[int]
    dtype: str
    kind: str = Field(description="pixels, numbers or tokens")


class ShownClass(BaseModel):
    """A class, and how many samples have it."""

    name: str
    num_train: int
    num_val: int


class ShownColumn(BaseModel):
    """A column of a table that is an input."""

    name: str
    type: str = Field(description="numbers or categories")
    num_categories: int | None
    categories: list[str] = Field(description="at most 100")
    num_missing: int
    missing_filled_with: float | str | None


class ShownSkipped(BaseModel):
    """A file that was not read."""

    place: str
    reason: str


class ShownExample(BaseModel):
    """A training sample: a text, the values of its columns, or its first numbers as stored."""

    place: str | None
    input: Any
    target: Any = Field(description="a class's name, or numbers; null for next tokens")


class SuggestedJob(BaseModel):
    """Where to begin: fields of a request for a job."""

    model: dict[str, Any] = Field(alias="model_config")
    train_config: dict[str, Any]
    batch_size: int


class InspectedDataset(BaseModel):
    """What was understood of a data set. Lists have at most 100 entries; all are counted."""

    data: str = Field(description="its name, or where it lies")
    num_train: int
    num_val: int
    inputs: ShownInputs
    task: str = Field(description="what the data is clearly for")
    num_classes: int | None
    classes: list[ShownClass]
    columns: list[ShownColumn]
    num_columns: int
    num_skipped: int
    skipped: list[ShownSkipped]
    examples: list[ShownExample]
    fingerprint: str
    suggested: SuggestedJob


class ListedDataset(BaseModel):
    """A data set; what only uploads have is null for one that Tandem knows."""

    name: str
    is_uploaded: bool
    format: str | None
    num_files: int | None
    num_bytes: int | None = Field(description="of its files, unpacked")
    num_train: int | None
    num_val: int | None
    jobs: list[str] = Field(description="ids of those that use it")


class DatasetList(BaseModel):
    """GET /api/datasets."""

    datasets: list[ListedDataset]
    max_upload_bytes: int = Field(description="the largest upload that the gateway takes")


class ShownDataset(BaseModel):
    """An uploaded data set."""

    name: str
    dataset_config: dict[str, Any] = Field(description="what a job's name of it stands for")
    num_files: int
    num_bytes: int = Field(description="of its files, unpacked")
    jobs: list[str] = Field(description="ids of those that use it")
    understood: InspectedDataset
