"""The pages' Python runs: the plain loop of ``docs/training.md``, the plain models of
``docs/models.md``, the program of ``docs/exports.md``. Other pages have tests of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from actors.core.model.given_weights import check_forms, form_of, new_part
from actors.core.model.libraries.torchvision_models import torchvision_model
from actors.core.model.model_spec import TensorSpec
from actors.core.torchvision_compat import import_torchvision
from tests.support.documents import blocks, page


def test_the_plain_loop_of_training_trains() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    before = model.weight.detach().clone()
    microbatch = (torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    names: dict[str, Any] = {"model": model, "num_steps": 200, "batches": [[microbatch] * 2] * 3}
    (code,) = blocks("python", page("training"))
    exec(code, names)
    assert not torch.equal(model.weight, before)
    assert names["rate"].last_epoch == 3


def test_the_plain_models_are_made_and_take_the_trained_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = import_torchvision("torchvision.models")
    weights = models.resnet18(weights=None, num_classes=10).state_dict()
    save_file(weights, tmp_path / "job-1.safetensors")
    monkeypatch.chdir(tmp_path)
    of_torchvision, by_layers, *_ = blocks("python", page("models"))
    names: dict[str, Any] = {}
    exec(of_torchvision, names)
    assert torch.equal(names["model"].state_dict()["conv1.weight"], weights["conv1.weight"])
    exec(by_layers, names)
    assert names["model"](torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_weights_that_others_have_trained_become_a_file_to_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the download."""
    models = import_torchvision("torchvision.models")
    resnet18 = models.resnet18
    monkeypatch.setattr(models, "resnet18", lambda weights: resnet18())
    monkeypatch.chdir(tmp_path)
    torch.save(resnet18().state_dict(), "resnet18.pt")
    model = torchvision_model("resnet18", TensorSpec((3, 32, 32)), 5, "architecture")
    new = new_part(model, ("fc",), "new")
    for code in blocks("python", page("models"))[2:]:
        exec(code, {})
        forms = {n: form_of(t) for n, t in load_file("resnet18.safetensors").items()}
        assert forms.pop("fc.weight") == ((1000, 512), "float32")
        check_forms(model, new, forms, "file")
        Path("resnet18.safetensors").unlink()


def test_an_exported_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = torch.export.export(
        torch.nn.Linear(784, 10),
        (torch.zeros(2, 784),),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    torch.export.save(program, tmp_path / "job-1.pt2")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python", page("exports"))
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["network"](torch.zeros(5, 784)).shape == (5, 10)
