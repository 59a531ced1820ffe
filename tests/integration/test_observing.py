"""A job in the user's own tools, with the figures that the API has."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, wait_for_step, wait_until


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


def test_a_timeline_log_lines_and_prometheus_show_a_job(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    client.train(job_id, epochs=100_000, threads=1, num_microbatches=2)
    wait_for_step(client, job_id, 3)

    trace = client.trace(job_id, steps=3)
    told = trace["otherData"]
    assert told["num_steps"] == 3 and 0 < told["bubble"] < 1
    assert {d["clock_error_s"] for d in told["devices"].values()} == {0.0}  # one host
    steps = [e for e in of_phase(trace, "X") if e["name"] == "step"]
    assert len(steps) == 6 and len({e["tid"] for e in steps}) == 2
    begins, ends = of_phase(trace, "s"), of_phase(trace, "f")
    assert len(begins) == len(ends) == 3 * 2 * 2  # both ways, each microbatch, each step
    assert all(end["ts"] > begin["ts"] for begin, end in zip(begins, ends, strict=True))

    lines = client.list_logs(job_id)["lines"]
    assert {line["device_id"] for line in lines if " trains: " in line["text"]} == {1, 2}

    client.stop_job(job_id)
    job = client.wait_for(job_id, {"stopped"}, timeout_s=30.0)
    wait_until(
        lambda: ("tandem_job_status", job_id, "stopped") in samples(client), 10.0, "it trains on"
    )
    found = samples(client)
    for name in ("loss", "epoch", "step"):
        assert found[f"tandem_job_{name}", job_id] == job["progress"][name]
    for device_id, stats in job["device_stats"].items():
        tflops, seconds = "tandem_device_tflops", "tandem_device_seconds_total"
        assert found[tflops, device_id, job_id, "total"] == stats["total_tflops"]
        assert found[seconds, device_id, job_id, "waiting"] == stats["waiting_s"]
    assert found["tandem_up",] == 1
