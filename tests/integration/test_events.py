"""A job is listened to while it trains: the stream, the pages, the curves and the figures of its
devices tell the same story."""

from __future__ import annotations

import threading
from typing import Any

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, train

EPOCHS = 3


class Listener:
    """Of one job or of all, until the job is completed."""

    def __init__(self, url: str, job_id: str, of_all: bool) -> None:
        self.entries: list[dict[str, Any]] = []
        self._client = TandemClient(url, timeout_s=60.0)
        self._job_id = job_id
        listened = None if of_all else job_id
        self._listening = self._client.listen(listened, None, None, 60.0, None)
        assert next(self._listening) is None  # it is open
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for entry in self._listening:
            if entry is not None and entry["job_id"] == self._job_id:
                self.entries.append(entry)
                if entry["values"].get("status") == "completed":
                    return

    def finish(self) -> list[dict[str, Any]]:
        """All that it has heard."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._client.close()
        return self.entries


def test_stream_pages_curves_and_figures_tell_the_same_story(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    listeners = [Listener(gateway.url, job_id, of_all) for of_all in (False, True)]
    job = train(client, job_id, epochs=EPOCHS)
    assert job["status"] == "completed"
    heard, of_all = (listener.finish() for listener in listeners)
    assert heard == of_all
    steps = client.list_steps(job_id)
    num_steps = len(steps) // EPOCHS
    told = [entry for entry in heard if entry["kind"] == "step"]
    assert [
        {"epoch": e["epoch"], "step": e["step"], "loss": e["values"]["loss"]} for e in told
    ] == steps
    epochs = [{"epoch": e["epoch"], **e["values"]} for e in heard if e["kind"] == "epoch"]
    assert epochs == job["history"]
    assert [e["seq"] for e in heard] == sorted({e["seq"] for e in heard})

    first = heard[0]["seq"]
    page = client.list_events(job_id, after=first - 1, kinds="status,epoch,plan")
    assert page["events"] == [e for e in heard if e["kind"] in ("status", "epoch", "plan")]
    assert client.list_events(job_id, after=page["next_after"])["events"] == []

    curves = {c["name"]: c for c in client.get_metrics(job_id)["series"]}
    assert curves["loss"]["values"] == [step["loss"] for step in steps]
    assert curves["loss"]["steps"] == list(range(1, len(steps) + 1))
    assert curves["val_loss"]["values"] == [record["val_loss"] for record in job["history"]]
    assert curves["val_loss"]["steps"] == [num_steps * n for n in range(1, EPOCHS + 1)]
    few = client.get_metrics(job_id, names="loss", max_points=10)["series"][0]["values"]
    assert len(few) <= 10
    losses = curves["loss"]["values"]
    assert (min(few), max(few)) == (min(losses), max(losses))
    table = client.get_metrics(job_id, names="val_loss", format="csv").decode().splitlines()
    assert table[0] == "name,step,at,value" and len(table) == 1 + EPOCHS

    one, two = (job["device_stats"][key] for key in ("1", "2"))
    assert one["bytes_sent"] == two["bytes_received"] > 0 < one["bytes_received"]
    for stats in (one, two):
        assert stats["memory_bytes"] > 10_000_000 and stats["wire_s"] > 0
        assert 0 < stats["bubble"] < 1 and stats["peak_share"] > 0
    assert one["loading_s"] > 0
