"""Training grows neither the stages' memory nor the object store."""

from __future__ import annotations

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import DIGITS, create_job, layer_actors, train, wait_for_step, wait_until
from tests.support.ray_state import store_bytes

WARM_UP_STEPS = 200
STEPS = 500
MAX_GROWTH_BYTES = 8 * 2**20
SPREAD_BYTES = 1024


def test_500_steps_grow_neither_memory_nor_object_store(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"], {**DIGITS, "batch_size": 64})
    client.initialize(job_id)
    client.train(job_id, epochs=100_000, num_microbatches=4)
    wait_for_step(client, job_id, WARM_UP_STEPS)
    actors = layer_actors(gateway.info["pids"])
    assert len(actors) == 3
    resident, stored = [a.memory_info().rss for a in actors], store_bytes(gateway)
    assert stored > 0
    wait_for_step(client, job_id, WARM_UP_STEPS + STEPS)
    growth = [a.memory_info().rss - r for a, r in zip(actors, resident, strict=True)]
    assert max(growth) < MAX_GROWTH_BYTES, growth
    # Copies of snapshots come and go, each some bytes shorter or longer by the digits of its step.
    wait_until(
        lambda: store_bytes(gateway) <= stored + SPREAD_BYTES, 20, "the store is as full as before"
    )


def test_a_session_gives_its_buffers_back(gateway: GatewayProcess, client: TandemClient) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    train(client, job_id, epochs=1)
    after_first = store_bytes(gateway)
    train(client, job_id, epochs=1)
    wait_until(lambda: store_bytes(gateway) <= after_first, 20, "the buffers are given back")
