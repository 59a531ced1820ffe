from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch
from torch import nn

from actors.core.errors import InvalidRequest
from actors.core.layers import build_layers
from actors.core.stage import Weights
from orchestrator.job_spec import parse_job_spec
from orchestrator.model_io import model_file, predict

SPEC = parse_job_spec(
    {"layer_sizes": [64, 32, 16, 10], "seed": 3},
    {"name": "digits", "normalize": {"mean": [0.25], "std": [0.5]}},
)


@pytest.fixture
def weights() -> Weights:
    return dict(build_layers(SPEC.network, 0, 3).state_dict())


def plain_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)
    )


def metadata(file: bytes) -> dict[str, str]:
    """What a safetensors file says of itself: a length in 8 bytes, then JSON."""
    length = int.from_bytes(file[:8], "little")
    said: dict[str, str] = json.loads(file[8 : 8 + length])["__metadata__"]
    return said


def test_the_file_loads_into_a_plain_sequential_with_nothing_missing(weights: Weights) -> None:
    model = plain_model()
    model.load_state_dict(safetensors.torch.load(model_file(SPEC, weights)), strict=True)
    for name, tensor in model.state_dict().items():
        assert tensor.equal(weights[name])


def test_the_file_says_what_network_and_normalization_it_is_for(weights: Weights) -> None:
    (about,) = metadata(model_file(SPEC, weights)).values()
    assert json.loads(about) == {
        "layer_sizes": [64, 32, 16, 10],
        "normalize": {"mean": [0.25], "std": [0.5]},
    }


def test_equal_weights_are_equal_files(weights: Weights) -> None:
    copies = {name: tensor.clone() for name, tensor in reversed(weights.items())}
    assert model_file(SPEC, weights) == model_file(SPEC, copies)


def test_predictions_are_those_of_the_plain_model(weights: Weights) -> None:
    rows = torch.arange(128.0).reshape(2, 64)
    answer = predict(SPEC, weights, rows.tolist())
    model = plain_model()
    model.load_state_dict(weights)
    with torch.no_grad():
        own = model((rows / 255 - 0.25) / 0.5).softmax(dim=1)
    assert torch.allclose(torch.tensor(answer["probabilities"]), own, atol=1e-6)
    assert answer["classes"] == own.argmax(dim=1).tolist()


def test_an_answer_is_plain_json_with_an_entry_a_row(weights: Weights) -> None:
    answer = predict(SPEC, weights, [[0] * 64, [255] * 64, [0.5] * 64])
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert [len(answer["classes"]), len(answer["probabilities"])] == [3, 3]
    assert all(sum(row) == pytest.approx(1.0) for row in answer["probabilities"])


@pytest.mark.parametrize(
    ("inputs", "index", "length"),
    [([[]], 0, 0), ([[0.0] * 63], 0, 63), ([[0.0] * 64, [0.0] * 65], 1, 65)],
)
def test_a_row_of_another_length_is_refused_by_its_place(
    weights: Weights, inputs: list[list[float]], index: int, length: int
) -> None:
    text = rf"^inputs\[{index}\] has {length} values, but the network takes 64$"
    with pytest.raises(InvalidRequest, match=text):
        predict(SPEC, weights, inputs)


@pytest.mark.parametrize("value", [1e300, -1e39])
def test_a_row_too_large_for_the_network_is_refused_by_its_place(
    weights: Weights, value: float
) -> None:
    with pytest.raises(InvalidRequest, match=r"^inputs\[1\] .*float32"):
        predict(SPEC, weights, [[1.0] * 64, [value] * 64, [value] * 64])
