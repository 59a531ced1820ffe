"""Programs of trained models: PyTorch's own and ONNX."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actors.core.errors import InvalidRequest, Unavailable
from orchestrator.exports import formats
from orchestrator.exports.exporter import Exporter
from orchestrator.exports.formats import plain_module
from tests.support.exports import Trained, trained

TOLERANCE = 1e-5
"""Of an output of ONNX, absolute and relative: it may add up in another order."""


def inputs(own: Trained, rows: int) -> torch.Tensor:
    spec = own.spec.model.inputs
    shape = (rows, *spec.shape)
    if spec.dtype == "int64":
        return torch.arange(rows * spec.shape[0]).view(shape) % 5
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["mlp", "layers", "vit", "gpt", "torchvision"])
def test_a_program_gives_the_bits_of_the_plain_model_for_any_number_of_samples(
    tmp_path: Path, name: str
) -> None:
    own, path = trained(name, tmp_path), tmp_path / "model.pt2"
    Exporter().write(own.model, own.record, "torch_export", str(path))
    program = torch.export.load(path).module()
    plain = plain_module(own.model)
    for rows in (1, 2, 5):
        given = inputs(own, rows)
        with torch.no_grad():
            assert torch.equal(program(given), plain(given)), rows


@pytest.mark.filterwarnings("ignore:.*LeafSpec")  # PyTorch's own
@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="needs the extra onnx")
@pytest.mark.parametrize("name", ["layers", "gpt"])
def test_onnx_gives_nearly_the_same(tmp_path: Path, name: str) -> None:
    from onnx.reference import ReferenceEvaluator

    own, path = trained(name, tmp_path), tmp_path / "model.onnx"
    Exporter().write(own.model, own.record, "onnx", str(path))
    assert [p.name for p in tmp_path.glob("model.onnx*")] == ["model.onnx"]
    session, plain = ReferenceEvaluator(str(path)), plain_module(own.model)
    for rows in (1, 3):
        given = inputs(own, rows)
        (found,) = session.run(None, {"inputs": given.numpy()})
        with torch.no_grad():
            expected = plain(given)
        assert torch.allclose(torch.tensor(found), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_model_too_large_for_one_onnx_file_is_refused_before_it_is_made(tmp_path: Path) -> None:
    own = trained("mlp", tmp_path)
    large = replace(own.model, facts=replace(own.model.facts, num_bytes=3 * 10**9))
    with pytest.raises(InvalidRequest, match=r"3\.0 GB.*torch_export"):
        Exporter().write(large, own.record, "onnx", str(tmp_path / "model.onnx"))


def test_what_pytorch_can_t_trace_is_a_refusal_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("data-dependent")

    monkeypatch.setattr(formats.torch.export, "export", fail)
    own = trained("mlp", tmp_path)
    with pytest.raises(InvalidRequest, match=r"data-dependent.*bundle"):
        Exporter().write(own.model, own.record, "torch_export", str(tmp_path / "model.pt2"))


def test_a_full_disk_is_told_with_what_helps(tmp_path: Path) -> None:
    own = trained("mlp", tmp_path)
    with pytest.raises(Unavailable, match="TMPDIR"):
        Exporter().write(own.model, own.record, "bundle", str(tmp_path / "missing" / "model"))
