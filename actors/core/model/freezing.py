"""Parameters that are not trained: which they are, and what of a backward pass goes with them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import empty_blocks, num_blocks
from actors.core.model.facts import BlockFacts, PerRow, model_facts
from actors.core.model.model_spec import ModelSpec
from actors.core.model.name_patterns import Patterns, names_meant


@dataclass(frozen=True)
class Learning:
    """The trained part of a model. ``frozen`` are names of parameters. Gradients are computed from
    the last block down to ``first``, the first block with a trained parameter."""

    frozen: frozenset[str]
    first: int

    def computes_gradients(self, end: int) -> bool:
        """Whether blocks that end there have a backward pass."""
        return end > self.first

    def passes_back(self, start: int) -> bool:
        """Whether blocks that begin there owe those before them a gradient."""
        return start > self.first


@functools.lru_cache(maxsize=64)
def learning_of(model: ModelSpec, patterns: Patterns) -> Learning:
    """Raises ``InvalidRequest`` for a pattern that is of no parameter, and where none is left; its
    text begins with ``freeze``."""
    if not patterns:
        return Learning(frozenset(), 0)
    names = _names(model)
    frozen = names_meant(names, patterns, "freeze")
    left = [block for block, own in enumerate(names) if not frozen.issuperset(own)]
    if not left:
        raise InvalidRequest("freeze leaves no parameter to train: freeze less")
    return Learning(frozen, left[0])


@functools.lru_cache(maxsize=64)
def facts_with_frozen(model: ModelSpec, patterns: Patterns) -> tuple[BlockFacts, ...]:
    """The blocks' facts, in which frozen parameters have no gradient and nothing is kept for
    them."""
    return with_frozen(model, patterns, model_facts(model))


def with_frozen(
    model: ModelSpec, patterns: Patterns, facts: tuple[BlockFacts, ...], start: int = 0
) -> tuple[BlockFacts, ...]:
    """The same for the blocks from ``start`` on, with their ``facts``."""
    if not patterns:
        return facts
    learning, names = learning_of(model, patterns), _names(model)
    return tuple(
        _with_frozen(block, names[index], learning, index)
        for index, block in enumerate(facts, start)
    )


def _with_frozen(
    block: BlockFacts, names: dict[str, int], learning: Learning, index: int
) -> BlockFacts:
    frozen_bytes = sum(size for name, size in names.items() if name in learning.frozen)
    if not frozen_bytes and learning.computes_gradients(index + 1):
        return block if learning.passes_back(index) or index == 0 else _first(block)
    changed = replace(
        block,
        parameter_bytes=block.parameter_bytes - frozen_bytes,
        buffer_bytes=block.buffer_bytes + frozen_bytes,
    )
    nothing = PerRow()
    if not changed.parameter_bytes:
        changed = replace(changed, weight_grad=nothing, left=nothing)
    if not learning.computes_gradients(index + 1):
        return replace(changed, saved=nothing, input_grad=nothing)
    return changed if learning.passes_back(index) or index == 0 else _first(changed)


def _first(block: BlockFacts) -> BlockFacts:
    """Nobody before it wants a gradient: what it counted for its inputs is not computed."""
    return replace(block, input_grad=PerRow())


@functools.lru_cache(maxsize=64)
def _names(model: ModelSpec) -> tuple[dict[str, int], ...]:
    """By block the bytes of each parameter."""
    blocks = (empty_blocks(model, i, i + 1, "meta") for i in range(num_blocks(model)))
    return tuple({name: p.nbytes for name, p in own.named_parameters()} for own in blocks)
