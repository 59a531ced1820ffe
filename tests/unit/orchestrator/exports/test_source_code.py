"""Definitions out of modules, with all that they refer to."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from actors.core.errors import InvalidRequest
from actors.core.model.kinds.attention import TransformerBlock
from actors.core.model.registry import KINDS
from actors.core.sources.transforms.registry import TRANSFORMS
from orchestrator.exports.source_code import SourceCode

WIDTH = 3
DOUBLE = 2 * WIDTH


def twice(value: float) -> float:
    return math.floor(value) * DOUBLE


class Doubled(nn.Module):
    """Refers to a function, by it to constants and to a library."""

    def __init__(self, math: int) -> None:
        super().__init__()
        self.factor = twice(math)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.factor


def run(code: SourceCode) -> dict[str, Any]:
    names: dict[str, Any] = {}
    lines = ["from __future__ import annotations", *code.imports, *code.texts]
    exec("\n".join(lines), names)
    return names


def test_what_a_class_refers_to_comes_before_it() -> None:
    code = SourceCode()
    assert code.add(Doubled) == "Doubled"
    assert run(code)["Doubled"](4).factor == 24
    assert code.texts[0].startswith("WIDTH")
    assert code.add(Doubled) == "Doubled" and len(code.texts) == 4  # once


def test_what_pytorch_has_is_imported() -> None:
    code = SourceCode()
    assert code.add(nn.Conv2d) == "nn.Conv2d" and code.imports == ["from torch import nn"]
    assert code.texts == []


def test_a_block_of_ours_is_made_by_its_text_alone() -> None:
    code = SourceCode()
    code.add(TransformerBlock)
    made = run(code)["TransformerBlock"](8, 2, 16, True, 0.0, "gelu", True, True, None, None)
    assert made(torch.zeros(2, 3, 8)).shape == (2, 3, 8)


def test_all_kinds_and_transforms_fit_into_one_module() -> None:
    code = SourceCode()
    for kind in KINDS.values():
        code.add(kind.make)
    for transform in TRANSFORMS.values():
        if transform.apply.__qualname__ == transform.apply.__name__:
            code.add(transform.apply)
    assert "Residual" in run(code)


@pytest.mark.parametrize("thing", [lambda outputs: outputs, type("Made", (), {})])
def test_what_has_no_text_of_its_own_is_refused(thing: Any) -> None:
    with pytest.raises(InvalidRequest, match="torch_export"):
        SourceCode().add(thing)


def test_two_things_of_one_name_are_refused() -> None:
    code = SourceCode()
    code.add(Doubled)
    other = type("Doubled", (), {"__module__": __name__, "__qualname__": "Doubled"})
    with pytest.raises(InvalidRequest, match="Doubled"):
        code.add(other)
