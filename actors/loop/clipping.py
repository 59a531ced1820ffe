"""One stage's part in clipping the gradients of the whole model, before an update."""

from __future__ import annotations

import time

import torch

from actors.core.progress.snapshots import Mark
from actors.core.recipe.clipping import clip_factor, clip_values, gradient_norms, scale
from actors.core.recipe.recipe import Recipe
from actors.core.stages.stage import Stage
from actors.core.tracing.slices import SliceKind
from actors.loop.stage_clock import StageClock
from actors.loop.stage_io import StageLinks


class Clipping:
    """Norms go forwards, each stage adding its own; what to multiply by comes back."""

    def __init__(self, stage: Stage, recipe: Recipe, links: StageLinks, clock: StageClock) -> None:
        self._stage = stage
        self._recipe = recipe
        self._links = links
        self._clock = clock

    def run(self, turn: int, index: int, mark: Mark) -> None:
        """Clips what the recipe says, by value first.

        ``turn`` and ``index`` number its messages: the step, and the first microbatch that there
        is not.
        """
        recipe = self._recipe
        if recipe.clip_grad_value is None and recipe.clip_grad_norm is None:
            return
        gradients = self._stage.gradients()
        if recipe.clip_grad_value is not None:
            clip_values(gradients, recipe.clip_grad_value)
        if recipe.clip_grad_norm is None:
            return
        own = gradient_norms(gradients)
        begin = time.perf_counter()
        factor = self._exchange(own, recipe.clip_grad_norm, turn, index, mark)
        self._clock.spent(SliceKind.CLIP, begin)
        scale(gradients, factor)

    def _exchange(
        self, own: torch.Tensor, max_norm: float, turn: int, index: int, mark: Mark
    ) -> torch.Tensor:
        links, norms = self._links, own
        if links.forward_in is not None:
            before = links.forward_in.recv(turn, index).tensor
            assert before is not None, "a session ends between steps only"
            norms = torch.cat([before, own])
        if links.forward_out is None:
            factor = clip_factor(norms, max_norm)
        else:
            assert links.backward_in is not None
            links.forward_out.send(norms, turn, index, mark)
            returned = links.backward_in.recv(turn, index).tensor
            assert returned is not None, "a session ends between steps only"
            factor = returned[0]
        if links.backward_out is not None:
            links.backward_out.send(factor.reshape(1), turn, index)
        return factor
