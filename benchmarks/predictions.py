"""``make bench-predictions``: how long a request to a trained job takes, the first and those after
it, in each of the forms. Writes its part of ``docs/benchmarks.md``. Every file is made here."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.report import machine, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import train
from tests.support.own_files import encoded, picture, write_folder

DIGITS = {"layer_sizes": [784, 128, 64, 10]}
CNN = {"architecture": "cnn"}
GPT = {"architecture": "gpt", "config": {"embed_dim": 64, "depth": 2, "num_heads": 2}}
TOKENS = 20
PHOTO = encoded(picture(1, size=(480, 640)))
Ask = Callable[[TandemClient, str], Any]
JOBS: dict[str, tuple[dict[str, Any], dict[str, Any], Ask]] = {
    "`inputs`: 1 image of 28 × 28, layers 784-128-64-10": (
        DIGITS,
        {"name": "digits", "resize": [28, 28]},
        lambda client, job_id: client.predict(job_id, [[0.0] * 784]),
    ),
    "`image`: 1 PNG of 640 × 480, cnn on 3 × 32 × 32": (
        CNN,
        {"format": "image_folder", "path": "pets", "resize": [32, 32], "batch_size": 4},
        lambda client, job_id: client.predict(job_id, image=[("a.png", PHOTO)]),
    ),
    "`rows`: 1 row of 2 columns, layers 3-8-2": (
        {"layer_sizes": [3, 8, 2]},
        {"format": "csv", "path": "a.csv", "target": "kind", "batch_size": 8},
        lambda client, job_id: client.predict(job_id, rows=[{"size": 3, "colour": "x"}]),
    ),
    f"`prompts`: {TOKENS} characters, gpt of 2 blocks of 64, context 32": (
        GPT,
        {"format": "text", "path": "a.txt", "context": 32, "batch_size": 16},
        lambda client, job_id: client.predict(job_id, prompts=["ab"], max_tokens=TOKENS),
    ),
}
"""What is asked -> model, data and request."""


def measure(requests: int) -> dict[str, tuple[float, list[float]]]:
    """Seconds of the first request, with its process if there is none, and of those that follow."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        files = Path(folder) / "files"
        _write(files)
        env = {**os.environ, "TANDEM_DATA_ROOTS": str(files)}
        gateway = GatewayProcess.start(Path(folder) / "storage", ["--local-devices", "1"], env)
        try:
            client = TandemClient(gateway.url, timeout_s=60.0)
            for name, (model, data, ask) in JOBS.items():
                job_id = _trained(client, gateway, model, data)
                first, *warm = [_seconds(partial(ask, client, job_id)) for _ in range(requests)]
                found[name] = (first, warm)
        finally:
            gateway.stop()
    return found


def _write(files: Path) -> None:
    write_folder(files / "pets", {"cat": 8, "dog": 8})
    rows = [f"{i},{'xy'[i % 2]},{'pq'[i % 2]}" for i in range(40)]
    (files / "a.csv").write_text("\n".join(["size,colour,kind", *rows]))
    (files / "a.txt").write_text("abcdefghij" * 200)


def _trained(
    client: TandemClient, gateway: GatewayProcess, model: dict[str, Any], data: dict[str, Any]
) -> str:
    job_id: str = client.create_job(model, data)
    (device,) = gateway.info["devices"]
    client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id)
    train(client, job_id, epochs=1)
    client.unregister_device(device["port"], job_id=job_id)
    return job_id


def _seconds(call: Callable[[], Any]) -> float:
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def report(found: dict[str, tuple[float, list[float]]]) -> list[str]:
    """In Markdown."""
    count = min(len(warm) for _, warm in found.values())
    rows = []
    for name, (first, warm) in found.items():
        cuts = statistics.quantiles(warm, n=100)
        rows.append(
            f"| {name} | {first:.2f} s | {cuts[49] * 1e3:.1f} ms | {cuts[98] * 1e3:.1f} ms |"
        )
    return [
        f"{count} warm requests each, one after the other; {machine()}.",
        "",
        "| request | the first | warm, p50 | warm, p99 |",
        "|---|---:|---:|---:|",
        *rows,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=101)
    lines = report(measure(parser.parse_args().requests))
    write_part("predictions", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
