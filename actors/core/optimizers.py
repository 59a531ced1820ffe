"""The optimisers, by the functional forms behind ``torch.optim``.

The classes of ``torch.optim`` import PyTorch's compiler when they are first made, which costs
every LayerActor over two seconds of its start; the functions below them do the same arithmetic
without it, and a test holds the two against each other bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.optim.sgd import sgd


class Sgd:
    """Plain stochastic gradient descent: ``p -= learning_rate * p.grad``."""

    def __init__(self, parameters: Iterable[torch.Tensor], learning_rate: float) -> None:
        self._parameters = list(parameters)
        self._learning_rate = learning_rate

    @torch.no_grad()
    def step(self) -> None:
        """One update of all parameters by their gradients."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        assert len(gradients) == len(self._parameters), "backward comes first"
        sgd(
            self._parameters,
            gradients,
            [None] * len(gradients),
            foreach=False,
            weight_decay=0.0,
            momentum=0.0,
            lr=self._learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for parameter in self._parameters:
            parameter.grad = None
