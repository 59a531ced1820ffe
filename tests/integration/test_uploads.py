"""A data set is uploaded, trained on by its name, and still there after a restart."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import train
from tests.support.own_files import write_folder

CNN = {"architecture": "cnn", "config": {"channels": [4], "hidden": 8}}


def zipped(folder: Path, place: Path) -> Path:
    """As it is packed from the folder that it lies in."""
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder.parent))
    return place


def sent_by_curl(url: str, file: Path) -> str:
    command = ["curl", "-sS", "-X", "POST", "-T", str(file), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_an_upload_is_trained_on_and_outlives_its_gateway(tmp_path: Path, home: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 20, "dog": 20})
    archive, storage = zipped(tmp_path / "pets", tmp_path / "pets.zip"), tmp_path / "storage"
    env = {**os.environ, "HOME": str(home), "TANDEM_MAX_REQUEST_BODY_BYTES": "2048"}
    first = GatewayProcess.start(storage, [], env)
    try:
        assert archive.stat().st_size > 2 * 2048
        told = sent_by_curl(f"{first.url}/api/datasets/pets", archive)
        assert '"num_train":32' in told.replace(" ", ""), told
        assert "pets already" in sent_by_curl(f"{first.url}/api/datasets/pets", archive)
        with TandemClient(first.url, timeout_s=60.0) as client:
            shown = client.upload_dataset("pets2", tmp_path / "pets", fields={"channels": 1})
            assert shown["understood"]["inputs"]["shape"][0] == 1
            job_id = client.create_job(CNN, {"name": "pets", "batch_size": 8})
            client.register_device(**first.info["devices"][0], job_id=job_id)
            client.initialize(job_id)
            assert train(client, job_id, epochs=1)["status"] == "completed"
            waiting = client.create_job(CNN, {"name": "pets", "batch_size": 8})
    finally:
        assert first.stop() == 0, first.log_path.read_text()
    second = GatewayProcess.start(storage, [], env)
    try:
        with TandemClient(second.url, timeout_s=60.0) as client:
            listed = {one["name"]: one for one in client.list_datasets()}
            assert listed["pets"]["jobs"] == [job_id, waiting]
            assert (listed["pets"]["num_train"], listed["pets"]["format"]) == (32, "image_folder")
            assert train(client, job_id, epochs=1)["status"] == "completed"
            with pytest.raises(ApiError, match=f"job {waiting}, which may still train"):
                client.delete_dataset("pets")
            client.delete_job(waiting)
            client.delete_dataset("pets")
            client.delete_dataset("pets2")
            assert not [one for one in client.list_datasets() if one["is_uploaded"]]
            assert os.listdir(storage / "uploads") == [".versions"]
            assert os.listdir(storage / "uploads/.versions") == []
    finally:
        assert second.stop() == 0, second.log_path.read_text()
