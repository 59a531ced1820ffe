"""Shows in ``tandem demo`` every step of a user, over HTTP."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from http_gateway.cli.jobs.training import ENDED
from http_gateway.cli.showing.live_view import console_view, new_console
from http_gateway.cli.showing.tables import curl_panel, image_text
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess

MODEL = {"architecture": "cnn", "config": {"hidden": 512}}
RECIPE = {"optimizer": "AdamW", "learning_rate": 0.002}
MEMORY_MB = 170
"""What each device allows: one alone could not hold the network and everything that training
keeps."""
EPOCHS = {"digits": 8, "MNIST": 3}
BATCH_SIZE = 64
TRAIN_TIMEOUT_S = 1800.0


@dataclass
class Recorder:
    """The REST calls that do the same by hand, as curl commands that can be pasted."""

    url: str
    curls: list[str] = field(default_factory=list)

    def add(self, method: str, path: str, body: str | None = None, tail: str = "") -> None:
        verb = "" if method == "GET" else f"-X {method} "
        data = "" if body is None else f" -H 'Content-Type: application/json' -d '{body}'"
        self.curls.append(f"curl {verb}{self.url}{path}{data}{tail}")


class DemoRun:
    """One run of the demo against a running gateway."""

    def __init__(
        self,
        gateway: GatewayProcess,
        dataset: str,
        data_dir: Path,
        began: float,
    ) -> None:
        self._client = TandemClient(gateway.url, timeout_s=300.0)
        self._calls = Recorder(gateway.url)
        self._devices = gateway.info["devices"]
        self._storage = gateway.log_path.parent
        self._dataset = dataset
        self._data_dir = data_dir
        self._console = new_console()
        self._began = began

    def run(self) -> bool:
        job_id = self._prepare()
        job = self._train(job_id)
        if job["status"] != "completed":
            self._console.print(f"The job {job['status']}: {job.get('error')}", style="red")
            return False
        self._calls.add("GET", "/api/previous_teraflops")
        self._predict(job_id)
        self._download(job_id)
        self._console.print(curl_panel(self._calls.curls), soft_wrap=True)
        self._console.print(_NEXT, soft_wrap=True)
        return True

    def _prepare(self) -> str:
        data: dict[str, Any] = {
            "name": self._dataset,
            "batch_size": BATCH_SIZE,
            "val_batch_size": BATCH_SIZE,
        }
        if self._dataset == "digits":
            data["resize"] = [28, 28]
        asked = {"model_config": MODEL, "dataset_config": data, "train_config": RECIPE}
        self._calls.add("POST", "/api/jobs", _json(asked))
        job_id = self._client.create_job(MODEL, data, train_config=RECIPE)
        for device in self._devices:
            body = {"ip": device["ip"], "port": device["port"], "job_id": job_id}
            self._calls.add("POST", "/api/devices/register", _json(body))
            self._client.register_device(**body)
        self._console.print(
            f"Job {job_id}: a convolutional network on {self._dataset}, and two devices that allow "
            f"{MEMORY_MB} MB each. Initializing …",
            highlight=False,
        )
        allowed = {"max_memory_bytes": MEMORY_MB * 10**6}
        limits = {str(i + 1): allowed for i in range(len(self._devices))}
        self._calls.add("POST", f"/api/network/initialize/{job_id}", _json({"devices": limits}))
        self._client.initialize(job_id, devices=limits)
        self._console.print(self._client.get_plan(job_id)["verdict"]["text"], highlight=False)
        return job_id

    def _train(self, job_id: str) -> dict[str, Any]:
        epochs = EPOCHS[self._dataset]
        self._calls.add("POST", f"/api/network/train/{job_id}", _json({"epochs": epochs}))
        self._client.train(job_id, epochs=epochs)
        self._calls.add("GET", f"/api/jobs/{job_id}")
        with console_view(self._console) as view:

            def show(job: dict[str, Any]) -> None:
                view.show(job)
                self._say_first_step(job["progress"])

            job = self._client.wait_for(job_id, ENDED, TRAIN_TIMEOUT_S, on_progress=show)
            view.end(job)
        return job

    def _say_first_step(self, progress: dict[str, Any]) -> None:
        if progress["step"] and self._began:
            elapsed = time.monotonic() - self._began
            self._console.print(f"First optimiser step seen {elapsed:.1f} s after the start.")
            self._began = 0.0

    def _predict(self, job_id: str) -> None:
        image, label = _sample(self._dataset, self._data_dir)
        body = self._storage / "image.json"
        body.write_text(_json({"inputs": [image]}))
        self._calls.add("POST", f"/api/jobs/{job_id}/predict", f"@{body}")
        result = self._client.predict(job_id, [image])
        each: Any = result["probabilities"][0]
        predicted, probability = result["classes"][0], max(each)
        self._console.print(image_text(image, width=28))
        self._console.print(
            f"A validation image: the label says {label}, the network {predicted} "
            f"(probability {probability:.3f})."
        )

    def _download(self, job_id: str) -> None:
        self._calls.add("GET", f"/api/jobs/{job_id}/model", tail=" -o model.safetensors")
        weights = self._client.get_model(job_id)
        self._console.print(f"The trained weights: {len(weights):,} bytes of safetensors.")


def _sample(dataset: str, data_dir: Path) -> tuple[list[float], int]:
    """One validation image as the data is stored, and its label."""
    # Imports PyTorch, so it does not run while the gateway starts.
    from actors.core.folders import Folders
    from actors.core.sources.registry import parse_source, read_source

    source = parse_source({"name": dataset, "resize": [28, 28]})
    val = read_source(source, Folders(data_dir, ())).val
    return val.inputs[0].reshape(-1).tolist(), int(val.targets[0])


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value)


_NEXT = """What to try next:
  make demo KEEP=1         leave the gateway running, for the curl commands above
  make demo DATASET=MNIST  the same with MNIST
  make serve               a gateway of your own on port 4000
  docs/own_cluster.md      train across several machines"""
