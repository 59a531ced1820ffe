"""Jobs: create, clone, list, compare, show, delete, stop, resume."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, LOADING_TIMEOUT_S, LOADS, QUICK, READS
from http_gateway.schemas.base import Done, NoBody, Query
from http_gateway.schemas.job_details import JobDetails, JobSummary, Status
from http_gateway.schemas.job_request import CloneJob, CreateJob
from http_gateway.schemas.parameters import JobIds, PlainFlag, PlainIndex, PlainInt

USUAL_EPOCHS = 1_000
MAX_EPOCHS = 10_000


class JobCreated(Done):
    """The new job."""

    job_id: str


class JobList(BaseModel):
    """GET /api/jobs."""

    jobs: list[JobSummary]


class CompareQuery(Query):
    """Which jobs."""

    jobs: JobIds = Field(description="their ids, joined by commas")


class ComparedJob(BaseModel):
    """What came of a job."""

    status: Status
    epochs: int = Field(description="how many it has trained")
    metrics: dict[str, float | None] = Field(description="of its last epoch, by name")
    samples_per_s: float | None = Field(
        description="the median of the last session's epochs, the first left out where there are "
        "others"
    )
    step_ms: float | None = Field(description="of a measured step")
    layers: list[list[int]] = Field(description="[start, end) of each device")


class ComparedJobs(BaseModel):
    """GET /api/compare."""

    jobs: list[str] = Field(description="their ids, in the order of the request")
    differences: dict[str, dict[str, Any]] = Field(
        description="field, such as train_config.epochs -> job -> value, of fields that differ; a "
        "job without the field is left out"
    )
    results: dict[str, ComparedJob] = Field(description="by job")


class JobQuery(Query):
    """Which of a job's epochs."""

    after_epoch: PlainIndex | None = Field(
        None, description="the first that come after this; default: the latest"
    )
    history_limit: PlainInt = Field(
        USUAL_EPOCHS, ge=0, le=MAX_EPOCHS, description="at most so many epochs"
    )


class DeleteQuery(Query):
    """Whether a job that trains is deleted, too."""

    force: PlainFlag = Field(
        False, description="true deletes a job that trains, too: it is stopped first"
    )


class Stopping(Done):
    """The job's status when the stop was taken note of."""

    status: str


class Resumed(Done):
    """The job's status once it goes on."""

    status: str


JOBS = (
    Operation(
        name="create_job",
        method="POST",
        path="/api/jobs",
        noun="jobs",
        summary="Create a job",
        body=CreateJob,
        as_sent=True,
        timeout_s=LOADING_TIMEOUT_S,
        response=JobCreated,
        status=201,
        message="Job created successfully",
        result_name="job_id",
        shows_at="GET /api/jobs",
    ),
    Operation(
        name="clone_job",
        **JOB,
        method="POST",
        path="/api/jobs/<job_id>/clone",
        noun="jobs",
        summary="Create a job that is like this one but for some fields",
        body=CloneJob,
        as_sent=True,
        timeout_s=LOADING_TIMEOUT_S,
        response=JobCreated,
        status=201,
        message="Job created successfully",
        result_name="job_id",
        shows_at="GET /api/jobs",
    ),
    Operation(
        name="list_jobs",
        **QUICK,
        path="/api/jobs",
        noun="jobs",
        summary="List the jobs",
        response=JobList,
        result_name="jobs",
    ),
    Operation(
        name="compare_jobs",
        **READS,
        path="/api/compare",
        noun="jobs",
        summary="In what jobs differ, what they reached and how fast they were",
        query=CompareQuery,
        response=ComparedJobs,
    ),
    Operation(
        name="get_job",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>",
        noun="jobs",
        summary="A job's details",
        query=JobQuery,
        response=JobDetails,
    ),
    Operation(
        name="delete_job",
        **JOB,
        method="DELETE",
        path="/api/jobs/<job_id>",
        noun="jobs",
        summary="Delete a job",
        query=DeleteQuery,
        response=Done,
        message="Job deleted successfully",
        shows_at="GET /api/jobs",
    ),
    Operation(
        name="stop_job",
        **JOB,
        method="POST",
        path="/api/jobs/<job_id>/stop",
        noun="jobs",
        summary="Stop at the next step",
        body=NoBody,
        response=Stopping,
        message="Job stopping",
        may_repeat=True,
        is_quick=True,
    ),
    Operation(
        name="resume_job",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/jobs/<job_id>/resume",
        noun="jobs",
        summary="Go on with the session that was stopped or failed",
        body=NoBody,
        response=Resumed,
        message="Training resumed",
    ),
)
