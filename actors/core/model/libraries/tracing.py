"""A plain model as a sequence of parts: traced by ``torch.fx``, cut where one tensor is alive."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

ROWS = (2, 3)
"""Rows of the two batches that show which dimension is the batch's."""


@dataclass(frozen=True)
class Cut:
    """Nodes ``[start, end)`` of a traced model's graph; one tensor goes in, one comes out."""

    start: int
    end: int


class _Tracer(fx.Tracer):
    """Looks into no module that is innermost, or that asks whether it trains: that would be
    answered once for all."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        asks = "training" in type(m).forward.__code__.co_names
        return (
            asks
            or not any(True for _ in m.children())
            or super().is_leaf_module(m, module_qualified_name)
        )


def trace(model: nn.Module) -> fx.Graph:
    """The graph of its forward pass; the same for the same model."""
    return _Tracer().trace(model)


def fingerprint(graph: fx.Graph) -> str:
    """Two graphs have the same fingerprint if the same nodes have the same places."""
    nodes = [(n.op, n.name, [used.name for used in n.all_input_nodes]) for n in graph.nodes]
    return hashlib.sha256(repr(nodes).encode()).hexdigest()[:16]


def cuts(model: nn.Module, graph: fx.Graph, shape: Sequence[int]) -> tuple[Cut, ...]:
    """The smallest parts that give one tensor, batch first, to the next part.

    ``model`` is on the meta device, ``shape`` is a sample's. Raises the model's own error for such
    samples.
    """
    nodes = list(graph.nodes)
    place = {node: index for index, node in enumerate(nodes)}
    last = {node: max((place[user] for user in node.users), default=-1) for node in nodes}
    shapes = [_shapes(model, graph, (rows, *shape)) for rows in ROWS]
    held = _held(model, nodes)
    ends, alive = [], list[fx.Node]()
    for index, node in enumerate(nodes[:-2]):
        alive = [one for one in (*alive, node) if last[one] > index and one.op != "get_attr"]
        is_batch = all(s.get(node, ())[:1] == (rows,) for s, rows in zip(shapes, ROWS, strict=True))
        free = not any(first <= index < end for first, end in held)
        if alive == [node] and node.op != "placeholder" and is_batch and free:
            ends.append(index + 1)
    starts = [0, *ends[:-1]]
    if not ends:
        return (Cut(0, len(nodes)),)
    return (*(Cut(a, b) for a, b in zip(starts, ends, strict=True)), Cut(ends[-1], len(nodes)))


def part(model: nn.Module, graph: fx.Graph, cut: Cut) -> nn.Module:
    """These nodes as a module; its state has the same names as in ``model``."""
    nodes = list(graph.nodes)
    own, copies = fx.Graph(), dict[fx.Node, fx.Node]()

    def copied(node: fx.Node) -> fx.Node:
        if node not in copies:  # a parameter, or what the part before gives
            is_state = node.op == "get_attr"
            copies[node] = own.node_copy(node) if is_state else own.placeholder("inputs")
        return copies[node]

    result: Any = None
    for node in nodes[cut.start : cut.end]:
        if node.op == "output":
            result = copies[node.args[0]]
        elif node.op == "placeholder":
            copied(node)
        elif node.op != "get_attr":
            result = copies[node] = own.node_copy(node, copied)
    own.output(result)
    return copy.deepcopy(fx.GraphModule(model, own))


class _Shapes(fx.Interpreter):
    """Notes the shape of every tensor."""

    def __init__(self, model: nn.Module, graph: fx.Graph) -> None:
        super().__init__(model, graph=graph)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Like the interpreter's."""
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def _shapes(model: nn.Module, graph: fx.Graph, batch: Sequence[int]) -> dict[Any, tuple[int, ...]]:
    run = _Shapes(model, graph)
    with torch.no_grad():
        run.run(torch.empty(*batch, device="meta"))
    return run.shapes


def _held(model: nn.Module, nodes: Sequence[fx.Node]) -> list[tuple[int, int]]:
    """The first and the last use of what has a state and is used more than once: it is not cut."""
    uses: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in _state_of(model, node):
            uses.setdefault(name, []).append(index)
    return [(own[0], own[-1]) for own in uses.values() if len(own) > 1]


def _state_of(model: nn.Module, node: fx.Node) -> Iterable[str]:
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return [f"{node.target}.{name}" for name in module.state_dict()]
    return [str(a.target) for a in node.all_input_nodes if a.op == "get_attr"]
