"""Data sets: what they are, and those that users upload."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import LOADING_TIMEOUT_S, QUICK
from http_gateway.schemas.base import MAX_TEXT_CHARS, Done, Query
from http_gateway.schemas.datasets import (
    DatasetList,
    InspectDataset,
    InspectedDataset,
    ShownDataset,
)
from http_gateway.schemas.parameters import DatasetName, PlainFlag, Setting

MAX_SETTINGS = 50


class DatasetPath(BaseModel):
    """``<name>``."""

    name: DatasetName


class UploadQuery(Query):
    """How an upload is to be read."""

    format: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description="such as csv; default: what its content shows",
    )
    set: list[Setting] = Field(
        [],
        min_length=0,
        max_length=MAX_SETTINGS,
        description="further fields of dataset_config, each as NAME=VALUE, such as "
        "target=diagnosis or resize=[64,64]: jobs that use the data set have them, too",
    )
    replace: PlainFlag = Field(False, description="true replaces a data set of this name")


class DeleteDatasetQuery(Query):
    """Whether a data set that jobs need is deleted, too."""

    force: PlainFlag = Field(
        False, description="true deletes a data set that jobs may still train on, too"
    )


class DatasetUploaded(ShownDataset, Done):
    """What the new data set is."""


NAMED: Any = {"path_parameters": DatasetPath, "noun": "datasets"}

LIST_DATASETS = Operation(
    name="list_datasets",
    **QUICK,
    path="/api/datasets",
    noun="datasets",
    summary="The data sets that Tandem knows, and those that were uploaded",
    response=DatasetList,
    result_name="datasets",
)
UPLOAD_DATASET = Operation(
    name="upload_dataset",
    **NAMED,
    method="POST",
    path="/api/datasets/<name>",
    summary="Upload a data set: the body is a zip or a tar of a folder, or one file",
    query=UploadQuery,
    takes_file=True,
    response=DatasetUploaded,
    status=201,
    message="Data set uploaded successfully",
    timeout_s=LOADING_TIMEOUT_S,
    shows_at="GET /api/datasets",
)

DATASETS = (
    LIST_DATASETS,
    Operation(
        name="inspect_dataset",
        method="POST",
        path="/api/datasets/inspect",
        noun="datasets",
        summary="What a data set is, before anything is trained on it; reads all of it",
        body=InspectDataset,
        as_sent=True,
        response=InspectedDataset,
        timeout_s=LOADING_TIMEOUT_S,
        may_repeat=True,
    ),
    UPLOAD_DATASET,
    Operation(
        name="get_dataset",
        **QUICK,
        **NAMED,
        path="/api/datasets/<name>",
        summary="An uploaded data set: its files, the jobs that use it, and what was understood",
        response=ShownDataset,
    ),
    Operation(
        name="delete_dataset",
        **NAMED,
        method="DELETE",
        path="/api/datasets/<name>",
        summary="Delete an uploaded data set that no job needs any more",
        query=DeleteDatasetQuery,
        response=Done,
        message="Data set deleted successfully",
        shows_at="GET /api/datasets",
    ),
)
