"""Plans over HTTP: previews, splits that are asked for, owners' limits, predictions."""

from __future__ import annotations

from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, train

EVEN = {"1": [0, 2], "2": [2, 3]}
WIDE = [784, 512, 512, 512, 10]


@pytest.fixture
def job_id(gateway: GatewayProcess, client: TandemClient) -> str:
    return create_job(client, gateway.info["devices"][:2])


def free(client: TandemClient) -> bool:
    return all(device["status"] == "free" for device in client.list_devices())


def refused(client: TandemClient, job_id: str, status: int = 400, **options: Any) -> str:
    """By initialize and by the preview, in the same words; nothing is left running or held."""
    texts = []
    for ask in (client.plan, client.initialize):
        with pytest.raises(ApiError) as error:
            ask(job_id, **options)
        assert error.value.status == status
        texts.append(error.value.message)
    assert texts[0] == texts[1]
    assert client.get_job(job_id)["status"] == "created" and free(client)
    return texts[0]


def test_a_preview_tells_the_plan_and_leaves_nothing_running(
    client: TandemClient, job_id: str
) -> None:
    plan = client.plan(job_id, num_microbatches=2)
    assert client.get_job(job_id)["status"] == "created" and free(client)
    assert plan["schedule"] == "1f1b" and plan["num_microbatches"] == 2
    first, second = plan["devices"]
    assert first["layers"][0] == 0 and first["layers"][1] == second["layers"][0]
    assert second["layers"][1] == 3
    for device in plan["devices"]:
        assert device["computing_s"] > 0 and device["wire_s"] > 0 and device["matmul_tflops"] > 0
        assert device["computing_s"] + device["updating_s"] <= plan["step_s"] * 1.001
        assert 0 < device["memory"]["needed_bytes"] < device["memory"]["limit_bytes"]
    assert 0 <= plan["bubble"] < 1 and plan["channels"] == [plan["links"][0]["kind"]]
    assert plan["verdict"]["step_s"] == plan["step_s"]
    assert "combining" in plan["verdict"]["text"] or "times as fast" in plan["verdict"]["text"]


def test_auto_is_decided_when_a_session_starts_and_the_plan_tells_how_right_it_was(
    client: TandemClient, job_id: str
) -> None:
    with pytest.raises(ApiError, match=r"^Job \d+ is created and has no plan in force"):
        client.get_plan(job_id)
    client.initialize(job_id)
    assert client.get_plan(job_id)["measured"] is None
    job = train(client, job_id, epochs=2, schedule="auto", num_microbatches="auto")
    assert job["status"] == "completed", job
    plan = client.get_plan(job_id)
    assert plan["schedule"] == job["plan"]["schedule"] != "auto"
    assert plan["num_microbatches"] == job["plan"]["num_microbatches"] <= 64
    measured = plan["measured"]
    assert measured["step_s"] > 0 and measured["predicted_step_s"] == plan["step_s"]
    assert set(measured["devices"]) == {"1", "2"}


def test_layers_go_where_a_map_or_an_even_split_has_them(client: TandemClient, job_id: str) -> None:
    client.initialize(job_id, partition={"1": [0, 1], "2": [1, 3]})
    assert client.get_job(job_id)["layers"] == {"1": [0, 1], "2": [1, 3]}
    client.initialize(job_id, partition="even", devices={"2": {"threads": 1}})
    assert client.get_job(job_id)["layers"] == EVEN
    assert client.get_plan(job_id)["partition"] == "even"


@pytest.mark.parametrize(
    ("partition", "text"),
    [
        ({"1": [0, 1], "2": [2, 3]}, "makes a gap at layer 1"),
        ({"1": [0, 2], "2": [1, 3]}, "makes an overlap at layer 1"),
        ({"1": [0, 3], "7": [3, 3]}, "names device 7, but the job's devices are 1, 2"),
        ({"1": [0, 3], "2": [3, 3]}, "which is empty"),
    ],
)
def test_a_map_that_is_no_split_is_refused(
    client: TandemClient, job_id: str, partition: dict[str, list[int]], text: str
) -> None:
    assert text in refused(client, job_id, partition=partition)


def test_limits_beyond_what_a_device_has_are_refused(client: TandemClient, job_id: str) -> None:
    text = refused(client, job_id, devices={"1": {"threads": 200}})
    assert "devices.1.threads is 200, but the device has" in text
    text = refused(client, job_id, devices={"2": {"max_memory_bytes": 2**60}})
    assert f"devices.2.max_memory_bytes is {2**60}, but the device has" in text


def test_a_network_that_exceeds_each_device_trains_on_two_and_is_refused_on_one(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"][:2]
    job_id = create_job(client, devices, layer_sizes=WIDE)
    plan = client.plan(job_id, partition="even")
    needs = {str(d["device_id"]): d["memory"]["needed_bytes"] for d in plan["devices"]}
    limit = max(needs.values())
    alone = create_job(client, devices[:1], layer_sizes=WIDE)
    text = refused(client, alone, devices={"1": {"max_memory_bytes": limit}})
    assert "does not fit the devices' memory" in text and f"offers {limit:,}" in text
    client.initialize(job_id, devices={i: {"max_memory_bytes": limit} for i in needs})
    assert train(client, job_id, epochs=1)["status"] == "completed"
    assert "Only together" in client.get_plan(job_id)["verdict"]["text"]
    with pytest.raises(ApiError, match=r"^The network does not fit the devices' memory.*device \d"):
        client.train(job_id, num_microbatches=1, momentum=0.9, schedule="gpipe")
