"""The table of operations, in the order of the document."""

from __future__ import annotations

from typing import Any

from http_gateway.operations.operation import ManagerCall, Operation
from http_gateway.schemas import datasets, models, planning, responses
from http_gateway.schemas import requests as schemas
from http_gateway.schemas.doctor import DoctorReport
from http_gateway.schemas.proof import Verified

LOADING_TIMEOUT_S = 900.0  # longer than the JobManager itself waits for the data
DRAIN_TIMEOUT_S = 600.0  # layers and optimiser state move to other devices
PREDICT_TIMEOUT_S = 385.0  # it may wait for others, and for a large model to be read
READY_TIMEOUT_S = 5.0
SAFETENSORS = "application/octet-stream"

JOB: Any = {"path_parameters": schemas.JobPath}
READS: Any = {"method": "GET", "may_repeat": True}
QUICK: Any = {**READS, "is_quick": True}
LOADS: Any = {"timeout_s": LOADING_TIMEOUT_S, "actor_starts": 1}

JOBS = (
    Operation(
        name="create_job",
        method="POST",
        path="/api/jobs",
        noun="jobs",
        summary="Create a job",
        body=schemas.CreateJob,
        as_sent=True,
        timeout_s=LOADING_TIMEOUT_S,
        response=responses.JobCreated,
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
        response=responses.JobList,
        result_name="jobs",
    ),
    Operation(
        name="get_job",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>",
        noun="jobs",
        summary="A job's details",
        query=schemas.JobQuery,
        response=responses.JobDetails,
    ),
    Operation(
        name="delete_job",
        **JOB,
        method="DELETE",
        path="/api/jobs/<job_id>",
        noun="jobs",
        summary="Delete a job",
        query=schemas.DeleteQuery,
        response=responses.Message,
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
        body=schemas.NoBody,
        response=responses.Stopping,
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
        body=schemas.NoBody,
        response=responses.Resumed,
        message="Training resumed",
    ),
)

RECORDS = (
    Operation(
        name="list_checkpoints",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/checkpoints",
        noun="jobs",
        summary="The job's checkpoints, newest first",
        response=responses.CheckpointList,
        result_name="checkpoints",
    ),
    Operation(
        name="get_plan",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/plan",
        noun="jobs",
        summary="The plan in force, and what its steps took",
        response=planning.PlanInForce,
    ),
    Operation(
        name="list_events",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/events",
        noun="jobs",
        summary="What happened to the job, oldest first",
        query=schemas.EventsQuery,
        response=responses.EventList,
        result_name="events",
    ),
    Operation(
        name="list_steps",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/steps",
        noun="jobs",
        summary="The loss of every step",
        query=schemas.StepsQuery,
        response=responses.StepList,
        result_name="steps",
    ),
    Operation(
        name="verify",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/jobs/<job_id>/verify",
        noun="jobs",
        summary="Train the first steps again on one device without a pipeline: are the bits the "
        "same? Takes about a minute at most",
        body=schemas.Verify,
        response=Verified,
        may_repeat=True,
    ),
    Operation(
        name="get_model",
        **READS,
        **JOB,
        path="/api/jobs/<job_id>/model",
        noun="jobs",
        summary="The trained weights as safetensors",
        response={"content": {SAFETENSORS: {}}},
        media_type=SAFETENSORS,
        timeout_s=PREDICT_TIMEOUT_S,
    ),
    Operation(
        name="predict",
        **JOB,
        method="POST",
        path="/api/jobs/<job_id>/predict",
        noun="jobs",
        summary="Classify samples",
        body=schemas.Predict,
        reads_body_late=True,
        response=responses.Prediction,
        may_repeat=True,
        timeout_s=PREDICT_TIMEOUT_S,
    ),
)

DEVICES = (
    Operation(
        name="list_devices",
        **QUICK,
        path="/api/devices",
        noun="devices",
        summary="List the devices",
        response=responses.DeviceList,
        result_name="devices",
    ),
    Operation(
        name="register_device",
        method="POST",
        path="/api/devices/register",
        noun="devices",
        summary="Register a device with a job; with `replaces`, a device of the job that has "
        "another address now",
        body=schemas.RegisterDevice,
        response=responses.DeviceRegistered,
        status=201,
        message="Device registered successfully",
        result_name="device_id",
        shows_at="GET /api/devices",
    ),
    Operation(
        name="unregister_device",
        method="DELETE",
        path="/api/devices/<port>",
        noun="devices",
        summary="Take a device out of its jobs; one that trains is drained first: its layers move "
        "to the others, which may take a few minutes",
        path_parameters=schemas.DevicePath,
        query=schemas.UnregisterQuery,
        response=responses.Message,
        message="Device unregistered successfully",
        timeout_s=DRAIN_TIMEOUT_S,
        shows_at="GET /api/devices",
    ),
)

NETWORK = (
    Operation(
        name="initialize",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/network/initialize/<job_id>",
        noun="network",
        summary="Allocate layers to the devices and draw the weights",
        body=planning.Initialize,
        whole_body=True,
        response=responses.Message,
        message="Network initialized successfully",
    ),
    Operation(
        name="plan",
        **JOB,
        method="POST",
        path="/api/network/plan/<job_id>",
        noun="network",
        summary="The plan that such requests would get; leaves nothing running",
        body=planning.PlanRequest,
        whole_body=True,
        response=planning.JobPlan,
        may_repeat=True,
        actor_starts=2,
    ),
    Operation(
        name="train",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/network/train/<job_id>",
        noun="network",
        summary="Start training in the background",
        body=schemas.Train,
        whole_body=True,
        response=responses.TrainingStarted,
        message="Training started",
    ),
)

CATALOGUE = (
    Operation(
        name="previous_teraflops",
        **QUICK,
        path="/api/previous_teraflops",
        noun="teraflops",
        summary="One entry a session, oldest first",
        query=schemas.TeraflopsQuery,
        response=responses.SessionTeraflops,
    ),
    Operation(
        name="list_layers",
        **QUICK,
        path="/api/layers",
        noun="models",
        summary="The kinds of layers for model_config.layers, with their fields",
        response=models.LayerList,
        result_name="layers",
    ),
    Operation(
        name="list_architectures",
        **QUICK,
        path="/api/architectures",
        noun="models",
        summary="The architectures for model_config.architecture, with the fields of config",
        response=models.ArchitectureList,
        result_name="architectures",
    ),
    Operation(
        name="list_sources",
        **QUICK,
        path="/api/sources",
        noun="models",
        summary="The sources of data for dataset_config, with their own fields",
        response=models.SourceList,
        result_name="sources",
    ),
    Operation(
        name="inspect_dataset",
        method="POST",
        path="/api/datasets/inspect",
        noun="models",
        summary="What a data set is, before anything is trained on it; reads all of it",
        body=datasets.InspectDataset,
        as_sent=True,
        response=datasets.InspectedDataset,
        timeout_s=LOADING_TIMEOUT_S,
        may_repeat=True,
    ),
)

HEALTH = (
    Operation(
        name="doctor",
        **READS,
        path="/api/doctor",
        noun="doctor",
        summary="Is the cluster fit to train? Takes up to half a minute",
        response=DoctorReport,
    ),
    Operation(
        name="health",
        **READS,
        path="/health",
        noun="health",
        summary="The gateway serves; needs no token",
        response=responses.Health,
        needs_token=False,
    ),
    Operation(
        name="ready",
        **READS,
        path="/ready",
        noun="health",
        summary="The JobManager answers; 503 with the reason otherwise",
        response=responses.Readiness,
        timeout_s=READY_TIMEOUT_S,
    ),
    Operation(
        name="version",
        **READS,
        path="/api/version",
        noun="health",
        summary="What runs",
        response=responses.Version,
    ),
)

OPERATIONS = JOBS + RECORDS + DEVICES + NETWORK + CATALOGUE + HEALTH
BEGIN_REQUEST = ManagerCall(name="begin_request")
FINISH_REQUEST = ManagerCall(name="finish_request", may_repeat=True)
DROP_REQUEST = ManagerCall(name="drop_request", may_repeat=True)
