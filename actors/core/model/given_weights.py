"""Checks whether given weights belong to a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import empty_blocks, num_blocks
from actors.core.model.model_spec import ModelSpec

MAX_TOLD = 3
"""The most differences that an error lists."""

Form = tuple[tuple[int, ...], str]
"""Shape and dtype of a tensor, by torch's name."""


def expected_forms(model: ModelSpec) -> dict[str, Form]:
    """The form of every parameter and buffer, by its name in the whole model."""
    state = empty_blocks(model, 0, num_blocks(model), "meta").state_dict()
    return {name: form_of(tensor) for name, tensor in state.items()}


def form_of(tensor: torch.Tensor) -> Form:
    """Its shape and dtype."""
    return tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")


def check_forms(model: ModelSpec, given: Mapping[str, Form], where: str) -> None:
    """Raises ``InvalidRequest`` with the first differences; ``where`` names what was given."""
    expected = expected_forms(model)
    told = [f"it lacks {name}" for name in expected if name not in given]
    told += [f"it has {name}, which the model has not" for name in given if name not in expected]
    told += [
        f"{name} is {_text(given[name])} there and {_text(form)} in the model"
        for name, form in expected.items()
        if name in given and given[name] != form
    ]
    if told:
        more = f", and {len(told) - MAX_TOLD:,} more differences" if len(told) > MAX_TOLD else ""
        raise InvalidRequest(
            f"{where} has the weights of another model: {'; '.join(told[:MAX_TOLD])}{more}. Give "
            "weights of this very model, or leave initial_weights out"
        )


def check_finite(given: Mapping[str, torch.Tensor], where: str) -> None:
    """Raises ``InvalidRequest`` with the first tensor that has a value that is not finite."""
    for name, tensor in given.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InvalidRequest(
                f"{where} has values in {name} that are not finite, so training can't start "
                "from them. Give other weights"
            )


def _text(form: Form) -> str:
    shape, dtype = form
    return f"{dtype} {list(shape)}"
