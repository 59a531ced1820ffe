"""What is in a bundle, and that it predicts in plain PyTorch as Tandem does."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

from orchestrator.exports.bundle import write_bundle
from orchestrator.exports.model_card import model_card
from orchestrator.models.model_io import Network
from orchestrator.models.trained_model import model_file
from tests.support.exports import (
    CASES,
    PREDICT_ALL,
    Trained,
    run_without_tandem,
    trained,
)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bundle(own: Trained, path: Path) -> zipfile.ZipFile:
    write_bundle(own.model, own.record, path)
    return zipfile.ZipFile(path)


@pytest.mark.usefixtures("one_thread")
def test_every_kind_of_model_predicts_without_tandem_bit_for_bit(tmp_path: Path) -> None:
    folders, expected = [], {}
    for name in CASES:
        own = trained(name, tmp_path)
        with bundle(own, tmp_path / f"{name}.zip") as archive:
            archive.extractall(tmp_path / name)
        shape = own.model.facts.inputs.shape
        np.save(tmp_path / name / "samples.npy", own.rows.reshape(-1, *shape))
        expected[name] = Network(own.model).predict(own.rows)
        folders.append(tmp_path / name)
    run_without_tandem(PREDICT_ALL, *folders)
    for name, answer in expected.items():
        with np.load(tmp_path / name / "answers.npz") as found:
            assert set(found) == set(answer), name
            for key, values in answer.items():
                assert np.array_equal(found[key], values), (name, key)


def test_it_has_the_weights_a_script_a_card_and_the_facts(tmp_path: Path) -> None:
    own = trained("mlp", tmp_path)
    with bundle(own, tmp_path / "model.zip") as archive:
        assert set(archive.namelist()) == {
            "MODEL_CARD.md",
            "load.py",
            "model.json",
            "model.safetensors",
        }
        weights = archive.read("model.safetensors")
        facts = json.loads(archive.read("model.json"))
        card = archive.read("MODEL_CARD.md").decode()
    assert weights == b"".join(model_file(own.model))
    assert safetensors.torch.load(weights)["0.weight"].shape == (32, 64)
    assert facts["model_config"] == {"layer_sizes": [64, 32, 10], "seed": 3}
    assert facts["num_parameters"] == 64 * 32 + 32 + 32 * 10 + 10
    assert facts["data"]["num_train"] == own.spec.data.num_train
    assert [epoch["epoch"] for epoch in facts["history"]] == [1, 2]  # the checkpoint is of epoch 2
    for told in ("2,410", "digits", "| 2 | 0.5 | 1 |", "step-000000000002", "tandem 9.8.7"):
        assert told in card, told
    _, front, _ = card.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": None,
        "library_name": "pytorch",
        "tags": ["tandem"],
    }


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    own = trained("layers", tmp_path)
    for path in (tmp_path / "a.zip", tmp_path / "b.zip"):
        bundle(own, path).close()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_script_is_plain_pytorch_with_the_very_arguments(tmp_path: Path) -> None:
    own = trained("layers", tmp_path)
    with bundle(own, tmp_path / "model.zip") as archive:
        script = archive.read("load.py").decode()
    for line in ("nn.BatchNorm2d(", "nn.MaxPool2d(", "class Residual(nn.Sequential)"):
        assert line in script
    assert "actors" not in script and "TensorSpec" not in script
    compile(script, "load.py", "exec")


def test_the_script_run_on_a_file_prints_the_answers_with_names(tmp_path: Path) -> None:
    own = trained("columns", tmp_path)
    record = own.record
    record["data"]["class_names"] = ['"malignant" \\', "benign\n"]
    write_bundle(own.model, record, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        archive.extractall(tmp_path)
    np.save(tmp_path / "samples.npy", own.rows)
    run_it = "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], None, '__main__')"
    printed = run_without_tandem(run_it, tmp_path / "load.py", tmp_path / "samples.npy")
    told = json.loads(printed)
    names = record["data"]["class_names"]
    assert told["class_names"] == names and len(told["classes"]) == len(own.rows)


@pytest.mark.parametrize("number", [1, 40])
def test_a_card_has_some_epochs_spread_over_all(tmp_path: Path, number: int) -> None:
    record: dict[str, Any] = trained("mlp", tmp_path).record
    epoch = record["history"][0]
    record["history"] = [{**epoch, "epoch": n + 1} for n in range(number)]
    rows = [line for line in model_card(record).splitlines() if line[:3] in ("| 1", "| 2", "| 4")]
    assert rows[0].startswith("| 1 |") and rows[-1].startswith(f"| {number} |")
    assert len(model_card(record).splitlines()) < 150


def test_names_of_users_stay_in_their_cells(tmp_path: Path) -> None:
    record = trained("mlp", tmp_path).record
    record["data"]["class_names"] = ["a | b", "two\nlines", "<script>"]
    card = model_card(record)
    (line,) = [line for line in card.splitlines() if line.startswith("| classes |")]
    assert "two lines" in line and "\\|" in line and "<script>" not in card


def test_of_weights_that_no_disk_has_the_card_says_less(tmp_path: Path) -> None:
    record = {**trained("mlp", tmp_path).record, "checkpoint": None, "history": []}
    assert "nothing was validated" in model_card(record)


def test_no_address_of_a_device_is_told(tmp_path: Path) -> None:
    own = trained("mlp", tmp_path)
    text = io.StringIO()
    json.dump(own.record, text)
    assert "registered_devices" not in text.getvalue() and "ip" not in own.record["plan"]


def test_a_model_in_several_blocks_of_rows_has_the_same_answers(tmp_path: Path) -> None:
    own = trained("columns", tmp_path)
    wide = replace(own.model.facts, row_bytes=64 * 2**20 // 2)
    assert wide.block_rows == 2
    write_bundle(replace(own.model, facts=wide), own.record, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        names: dict[str, Any] = {"__file__": str(tmp_path / "load.py"), "__name__": "load"}
        archive.extractall(tmp_path)
        exec(archive.read("load.py"), names)
    answer = names["predict"](names["load"](), own.rows)
    expected = Network(own.model).predict(own.rows)
    assert np.allclose(answer["probabilities"], expected["probabilities"], atol=1e-6)
    assert len(answer["classes"]) == 5
