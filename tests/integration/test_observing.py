"""A job in the user's own tools, with the figures that the API has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.http_tool import HttpTool, http_tool
from tests.support.jobs import create_job, train, wait_for_step, wait_until

TOOL_TIMEOUT_S = 30.0


@pytest.fixture
def hook() -> Iterator[HttpTool]:
    with http_tool() as hook:
        yield hook


@pytest.fixture
def telling(tmp_path: Path, home: Path, hook: HttpTool) -> Iterator[GatewayProcess]:
    """A gateway that tells a webhook, and TensorBoard in the folder ``runs``."""
    tools = {"TANDEM_WEBHOOK_URL": hook.url, "TANDEM_TENSORBOARD_DIR": str(tmp_path / "runs")}
    env = {**os.environ, "HOME": str(home), **tools}
    gateway = GatewayProcess.start(tmp_path / "storage", [], env)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


def samples(client: TandemClient) -> dict[tuple[str, ...], float]:
    """By name, then by the values of labels in the labels' order."""
    text = client.prometheus().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_phase(trace: dict[str, Any], phase: str) -> list[dict[str, Any]]:
    return [event for event in trace["traceEvents"] if event["ph"] == phase]


def check_trace(trace: dict[str, Any], num_steps: int, num_microbatches: int) -> None:
    told = trace["otherData"]
    assert told["num_steps"] == num_steps and 0 < told["bubble"] < 1
    assert {d["clock_error_s"] for d in told["devices"].values()} == {0.0}  # one host
    steps = [e for e in of_phase(trace, "X") if e["name"] == "step"]
    assert len(steps) == 2 * num_steps and len({e["tid"] for e in steps}) == 2
    begins, ends = of_phase(trace, "s"), of_phase(trace, "f")
    assert len(begins) == len(ends) == 2 * num_steps * num_microbatches
    assert all(end["ts"] > begin["ts"] for begin, end in zip(begins, ends, strict=True))


def check_prometheus(found: dict[tuple[str, ...], float], job: dict[str, Any]) -> None:
    job_id = job["job_id"]
    assert found["tandem_up",] == 1
    for name in ("loss", "epoch", "step"):
        assert found[f"tandem_job_{name}", job_id] == job["progress"][name]
    for device_id, stats in job["device_stats"].items():
        tflops, seconds = "tandem_device_tflops", "tandem_device_seconds_total"
        assert found[tflops, device_id, job_id, "total"] == stats["total_tflops"]
        for kind in ("computing", "loading", "waiting", "wire", "updating"):
            assert found[seconds, device_id, job_id, kind] == stats[f"{kind}_s"]
        bubble, sent = "tandem_device_bubble", "tandem_device_bytes_total"
        assert found[bubble, device_id, job_id] == stats["bubble"]
        assert found[sent, device_id, "sent", job_id] == stats["bytes_sent"]


def curves(client: TandemClient, job_id: str) -> dict[str, list[tuple[int, float]]]:
    series = client.get_metrics(job_id, max_points=10_000)["series"]
    return {s["name"]: list(zip(s["steps"], s["values"], strict=True)) for s in series}


def in_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    if not folder.exists():
        return {}
    (run,) = folder.iterdir()
    found = events.EventAccumulator(str(run), size_guidance={"scalars": 0})
    found.Reload()
    names = found.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in found.Scalars(name)] for name in names}


def test_a_jobs_timeline_log_lines_prometheus_webhook_and_tensorboard(
    telling: GatewayProcess, hook: HttpTool, tmp_path: Path
) -> None:
    client = TandemClient(telling.url, timeout_s=60.0)
    job_id = create_job(client, telling.info["devices"][:2])
    client.initialize(job_id)
    client.train(job_id, epochs=100_000, threads=1, num_microbatches=2)
    wait_for_step(client, job_id, 3)
    check_trace(client.trace(job_id, steps=3), 3, 2)
    lines = client.list_logs(job_id)["lines"]
    assert {line["device_id"] for line in lines if " trains: " in line["text"]} == {1, 2}
    client.stop_job(job_id)
    client.wait_for(job_id, {"stopped"}, timeout_s=30.0)

    job = train(client, job_id, epochs=1)
    status = ("tandem_job_status", job_id, "completed")
    wait_until(lambda: status in samples(client), TOOL_TIMEOUT_S, "Prometheus is not told")
    check_prometheus(samples(client), job)

    wait_until(lambda: hook.received, TOOL_TIMEOUT_S, "the webhook is not told")
    told = hook.received[0].json
    assert (told["status"], told["progress"]) == ("completed", job["progress"])

    expected = {
        name: [(step, pytest.approx(value, rel=1e-6)) for step, value in points]
        for name, points in curves(client, job_id).items()
    }
    wait_until(
        lambda: in_tensorboard(tmp_path / "runs") == expected, TOOL_TIMEOUT_S, "the files differ"
    )
    client.close()
