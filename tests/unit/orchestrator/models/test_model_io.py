from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from actors.core.asking.asked_table import AskedTable
from actors.core.asking.table_rows import TableRows
from actors.core.errors import InvalidRequest
from actors.core.model.blocks import build_blocks
from actors.core.stages.stage import Weights
from actors.core.torchvision_compat import import_torchvision
from orchestrator.models import trained_model as trained_model_module
from orchestrator.models.model_io import Network, facts_of, trained_model
from orchestrator.models.trained_model import BLOCK_BYTES, TrainedModel, model_file
from tests.support.models import CNN_LAYERS
from tests.support.sources import job_spec

SPEC = job_spec(
    {"layer_sizes": [64, 32, 16, 10], "seed": 3},
    {"name": "digits", "normalize": {"mean": [0.25], "std": [0.5]}},
)


@pytest.fixture
def weights() -> Weights:
    return dict(build_blocks(SPEC.model, 0, 3).state_dict())


@pytest.fixture
def model(weights: Weights) -> TrainedModel:
    return trained_model(SPEC, weights)


def plain_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)
    )


def file_of(model: TrainedModel) -> bytes:
    return b"".join(model_file(model))


def metadata(file: bytes) -> dict[str, str]:
    """A safetensors file's header: a length in 8 bytes, then JSON."""
    length = int.from_bytes(file[:8], "little")
    said: dict[str, str] = json.loads(file[8 : 8 + length])["__metadata__"]
    return said


def test_the_file_loads_into_a_plain_sequential_with_nothing_missing(
    model: TrainedModel, weights: Weights
) -> None:
    plain = plain_model()
    plain.load_state_dict(safetensors.torch.load(file_of(model)), strict=True)
    for name, tensor in plain.state_dict().items():
        assert tensor.equal(weights[name])


def test_the_file_has_the_bytes_of_the_safetensors_library(
    model: TrainedModel, weights: Weights
) -> None:
    file = file_of(model)
    assert file == safetensors.torch.save(weights, metadata(file))


def test_the_file_says_what_network_and_normalization_it_is_for(model: TrainedModel) -> None:
    (about,) = metadata(file_of(model)).values()
    assert json.loads(about) == {
        "layer_sizes": [64, 32, 16, 10],
        "normalize": {"mean": [0.25], "std": [0.5]},
    }


def test_equal_weights_are_equal_files(model: TrainedModel, weights: Weights) -> None:
    copies = {name: tensor.clone() for name, tensor in reversed(weights.items())}
    assert file_of(model) == file_of(trained_model(SPEC, copies))


def test_weights_are_not_copied_on_their_way(model: TrainedModel, weights: Weights) -> None:
    weights["0.bias"][0] = 7.0
    assert model.weights["0.bias"][0] == 7.0
    _, first, *_ = model_file(model)
    assert np.frombuffer(first, np.float32)[0] == 7.0


def test_predictions_are_those_of_the_plain_model(model: TrainedModel, weights: Weights) -> None:
    rows = torch.arange(128.0).reshape(2, 64)
    answer = Network(model).predict(rows.numpy())
    classes, probabilities = answer["classes"], answer["probabilities"]
    plain = plain_model()
    plain.load_state_dict(weights)
    with torch.no_grad():
        own = plain((rows / 255 - 0.25) / 0.5).softmax(dim=1)
    assert torch.allclose(torch.from_numpy(probabilities), own, atol=1e-6)
    assert classes.tolist() == own.argmax(dim=1).tolist()


def test_a_network_does_not_share_what_it_was_handed(model: TrainedModel) -> None:
    for array in model.weights.values():
        array.flags.writeable = False  # as Ray hands it over
    rows: Any = np.full((3, 64), 200.0, np.float32)
    rows.flags.writeable = False
    probabilities = Network(model).predict(rows)["probabilities"]
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert (rows == 200.0).all()


def test_a_row_without_a_finite_answer_is_refused_by_its_place(
    model: TrainedModel, weights: Weights
) -> None:
    weights["4.weight"].mul_(1e38)
    rows = np.zeros((3, 64), np.float32)
    rows[1:] = 255.0
    weights["0.weight"].mul_(1e10)
    weights["0.bias"].zero_()
    for name in ("0.weight", "2.weight", "2.bias"):
        weights[name].abs_()
    with pytest.raises(InvalidRequest, match=r"^inputs\[\d+\] .*float32"):
        Network(trained_model(SPEC, weights)).predict(rows, first=1000)


def test_a_block_of_rows_takes_little_memory_however_wide_the_network() -> None:
    for sizes in ([64, 10], [64, 4096, 4096, 10], [64, 10_000, 10_000, 10]):
        facts = facts_of(job_spec({"layer_sizes": sizes}, {"name": "digits"}))
        assert 1 <= facts.block_rows <= 1024
        assert facts.block_rows * 4 * sum(sizes) <= BLOCK_BYTES


def test_a_model_of_other_layers_predicts_as_it_validates() -> None:
    """Nothing is dropped, and batch norm uses its running statistics."""
    layers = [*CNN_LAYERS]
    spec = job_spec({"layers": layers, "seed": 1}, {"name": "digits"})
    plain = build_blocks(spec.model, 0, spec.num_blocks)
    plain(torch.randn(16, 1, 8, 8))  # the statistics are no longer those it began with
    own = dict(plain.state_dict())
    rows = np.arange(128, dtype=np.float32).reshape(2, 64)
    pixels = torch.tensor(rows).div(255.0).sub(0.3059).div(0.3763)
    expected = plain.eval()(pixels.view(2, 1, 8, 8)).softmax(dim=1)
    probabilities = Network(trained_model(spec, own)).predict(rows)["probabilities"]
    assert torch.equal(torch.tensor(probabilities), expected)
    loaded = safetensors.torch.load(file_of(trained_model(spec, own)))
    assert all(torch.equal(loaded[name], own[name]) for name in own)


def test_a_grey_image_is_predicted_from_by_its_one_channel() -> None:
    layers = [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]
    spec = job_spec({"layers": layers}, {"name": "digits", "channels": 3})
    plain = build_blocks(spec.model, 0, spec.num_blocks)
    rows = np.arange(128, dtype=np.float32).reshape(2, 64)
    pixels = torch.tensor(rows).div(255.0).sub(0.3059).div(0.3763).view(2, 1, 8, 8)
    expected = plain.eval()(pixels.repeat(1, 3, 1, 1)).softmax(dim=1)
    answer = Network(trained_model(spec, dict(plain.state_dict()))).predict(rows)
    assert torch.equal(torch.tensor(answer["probabilities"]), expected)


def test_a_model_by_its_name_predicts_as_the_plain_one() -> None:
    data = {"name": "synthetic", "inputs": [3, 16, 16], "dtype": "uint8", "classes": 4}
    given = {"architecture": "torchvision/resnet18", "seed": 1}
    spec = job_spec(given, {**data, "num_train": 256, "num_val": 16})
    plain = import_torchvision("torchvision.models").resnet18(weights=None, num_classes=4).eval()
    rows = np.arange(2 * 3 * 256, dtype=np.float32).reshape(2, -1) % 256
    pixels = torch.tensor(rows).div(255.0).sub(0.5).div(0.25)
    expected = plain(pixels.view(2, 3, 16, 16)).softmax(dim=1)
    answer = Network(trained_model(spec, plain.state_dict())).predict(rows)
    assert torch.equal(torch.tensor(answer["probabilities"]), expected)


def test_a_tables_file_is_predicted_from_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(trained_model_module, "MAX_BLOCK_ROWS", 3)
    rows = [{"x": i / 2, "colour": ("red", "blue")[i % 2]} for i in range(10)]
    lines = [f"{row['x']};{row['colour']};{'pq'[i % 2]}" for i, row in enumerate(rows)]
    text = "\n".join(["x;colour;y", *lines, ""]).replace(".", ",")
    (tmp_path / "a.csv").write_text(text)
    config = {"format": "csv", "path": "a.csv", "target": "y", "delimiter": ";", "decimal": ","}
    spec = job_spec({"layer_sizes": [3, 2], "seed": 1}, config, tmp_path)
    plain = build_blocks(spec.model, 0, spec.num_blocks)
    network = Network(trained_model(spec, dict(plain.state_dict())))
    answer = network.answer(AskedTable("b.csv", text.encode()))
    expected = network.answer(TableRows(tuple(rows)))
    assert answer["classes"].tolist() == expected["classes"].tolist()
    assert np.allclose(answer["probabilities"], expected["probabilities"], atol=1e-6)
