"""Weights that are given for a model: whether they belong to it, and what is new beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import build_blocks, empty_blocks, num_blocks, state_names
from actors.core.model.model_spec import ModelSpec
from actors.core.model.name_patterns import Patterns, matches, names_meant

MAX_TOLD = 3
"""The most differences that an error lists."""

Form = tuple[tuple[int, ...], str]
"""Shape and dtype of a tensor, by torch's name."""


@dataclass(frozen=True)
class NewPart:
    """The part of a model that does not begin with given weights, but as its seed draws it.
    ``names`` are those of the model's tensors in it."""

    patterns: Patterns
    names: frozenset[str]

    def has(self, name: str) -> bool:
        """Also for a tensor that was given and that the model has not."""
        return name in self.names or any(matches(name, pattern) for pattern in self.patterns)


def new_part(model: ModelSpec, patterns: Patterns, where: str) -> NewPart:
    """Raises ``InvalidRequest`` for a pattern that means nothing in the model, and if nothing is
    left to be given; its text begins with ``where``."""
    names = [sorted(state_names(model, block)) for block in range(num_blocks(model))]
    meant = names_meant(names, patterns, where)
    if patterns and all(meant.issuperset(own) for own in names):
        raise InvalidRequest(
            f"{where} has all of the model, so that no given weights are used: name fewer layers, "
            "or leave initial_weights out"
        )
    return NewPart(patterns, meant)


def drawn_state(model: ModelSpec, names: frozenset[str]) -> dict[str, torch.Tensor]:
    """The tensors of these names as the model's seed draws them."""
    blocks = [i for i in range(num_blocks(model)) if names & state_names(model, i)]
    if not blocks:
        return {}
    state = build_blocks(model, blocks[0], blocks[-1] + 1).state_dict()
    return {name: tensor for name, tensor in state.items() if name in names}


def expected_forms(model: ModelSpec) -> dict[str, Form]:
    """The form of every parameter and buffer, by its name in the whole model."""
    state = empty_blocks(model, 0, num_blocks(model), "meta").state_dict()
    return {name: form_of(tensor) for name, tensor in state.items()}


def form_of(tensor: torch.Tensor) -> Form:
    """Its shape and dtype."""
    return tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")


def check_forms(model: ModelSpec, new: NewPart, given: Mapping[str, Form], where: str) -> None:
    """Raises ``InvalidRequest`` with the first differences outside the new part; ``where`` names
    what was given."""
    expected = {n: form for n, form in expected_forms(model).items() if not new.has(n)}
    told = [f"it lacks {name}" for name in expected if name not in given]
    told += [
        f"it has {name}, which the model has not"
        for name in given
        if name not in expected and not new.has(name)
    ]
    told += [
        f"{name} is {_text(given[name])} there and {_text(form)} in the model"
        for name, form in expected.items()
        if name in given and given[name] != form
    ]
    if told:
        more = f", and {len(told) - MAX_TOLD:,} more differences" if len(told) > MAX_TOLD else ""
        raise InvalidRequest(
            f"{where} has the weights of another model: {'; '.join(told[:MAX_TOLD])}{more}. Give "
            "weights of this very model, name the layers that differ in initial_weights.new, or "
            "leave initial_weights out"
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
