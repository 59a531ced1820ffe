"""The notebook; and a trained model as files that work without Tandem, and as other jobs."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.command_line import tandem
from tests.support.documents import ROOT
from tests.support.exports import PREDICT_ALL, run_without_tandem
from tests.support.jobs import actor_processes, wait_until

NOTEBOOK = ROOT / "docs" / "examples" / "digits.ipynb"


def run_notebook() -> dict[str, Any]:
    """Its cells one after the other; the names that are left."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    return names


def test_the_notebook_runs_and_its_model_leaves_in_every_form(
    gateway: GatewayProcess, client: TandemClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_URL", gateway.url)
    monkeypatch.chdir(tmp_path)
    names = run_notebook()
    job_id, other_id, samples = names["job_id"], names["other_id"], names["samples"]
    assert names["history"]["val_accuracy"][-1] > 0.8

    np.save("digits/samples.npy", samples)
    run_without_tandem(PREDICT_ALL, tmp_path / "digits")
    with np.load("digits/answers.npz") as alone:
        assert alone["classes"].tolist() == names["predicted"]["classes"]
        assert alone["probabilities"].tolist() == names["predicted"]["probabilities"]
    assert "| 5 |" in Path("digits/MODEL_CARD.md").read_text()

    oldest = client.list_checkpoints(job_id)[-1]["checkpoint_id"]
    done = tandem("export", job_id, "-o", "old.pt2", "--checkpoint", oldest)
    assert done.exit_code == 0, done.stderr
    program = torch.export.load("old.pt2").module()
    assert program(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
    if importlib.util.find_spec("onnxscript") is not None:
        assert client.get_model(job_id, format="onnx")
    with pytest.raises(ApiError, match="no checkpoint") as refused:
        client.get_model(job_id, format="bundle", checkpoint="step-1")
    assert refused.value.status == 404
    pids = gateway.info["pids"]
    wait_until(lambda: not actor_processes(pids, "Exporter"), 10, "an exporter is kept")

    done = tandem("clone", other_id, "--set", "train_config.epochs=1", "--weights", "--train")
    assert done.exit_code == 1 and "no weights" in done.stderr  # the other one was never trained
    done = tandem("clone", job_id, "--set", "train_config.epochs=1", "--weights", "--train")
    assert done.exit_code == 0, done.stderr
    made = done.stdout.split()[1]
    assert client.get_job(made)["history"][0]["val_accuracy"] > 0.8
    compared = json.loads(tandem("compare", job_id, made, "--json").stdout)
    assert compared["differences"]["train_config.epochs"] == {job_id: 5, made: 1}
    assert compared["results"][made]["step_ms"] > 0
    with zipfile.ZipFile("digits.zip") as bundle:
        assert bundle.testzip() is None
