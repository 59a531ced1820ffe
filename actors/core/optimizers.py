"""The optimisers, by the functional forms behind ``torch.optim``.

The classes of ``torch.optim`` import PyTorch's compiler when they are first made, which costs
every LayerActor over two seconds of its start; the functions below them do the same arithmetic
without it, and a test holds the two against each other bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.optim.sgd import sgd

from actors.core.snapshots import Tensors

MOMENTUM = "momentum"


class Sgd:
    """Stochastic gradient descent as ``torch.optim.SGD`` does it.

    Plain, ``p -= learning_rate * p.grad``; with ``momentum`` m, ``b = m * b + p.grad`` (the first
    time ``b = p.grad``) and ``p -= learning_rate * b``.
    """

    def __init__(
        self,
        parameters: Mapping[str, torch.Tensor],
        learning_rate: float,
        momentum: float = 0.0,
        state: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """``parameters`` by name; ``state`` is what an earlier optimiser's ``state`` gave."""
        self._names = list(parameters)
        self._parameters = list(parameters.values())
        self._learning_rate = learning_rate
        self._momentum = momentum
        kept = {name: tensor.clone() for name, tensor in (state or {}).items()}
        self._buffers = [kept.get(f"{MOMENTUM}.{name}") for name in self._names]

    @torch.no_grad()
    def step(self) -> None:
        """One update of all parameters by their gradients."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        assert len(gradients) == len(self._parameters), "backward comes first"
        sgd(
            self._parameters,
            gradients,
            self._buffers,
            foreach=False,
            weight_decay=0.0,
            momentum=self._momentum,
            lr=self._learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> Tensors:
        """What is kept of each parameter, as ``momentum.<name>``; empty for plain SGD. Not copies:
        the next step changes them."""
        kept = zip(self._names, self._buffers, strict=True)
        return {f"{MOMENTUM}.{name}": b for name, b in kept if b is not None}
