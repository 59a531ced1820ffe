"""Clipping, against torch.nn.utils."""

from __future__ import annotations

import pytest
import torch

from actors.core.recipe.clipping import clip_factor, clip_values, gradient_norms, scale


def gradients(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((70, 30), (30,), (5, 3, 3, 3))]


def as_parameters(grads: list[torch.Tensor]) -> list[torch.Tensor]:
    made = [torch.zeros_like(grad) for grad in grads]
    for parameter, grad in zip(made, grads, strict=True):
        parameter.grad = grad.clone()
    return made


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1e6])
def test_norms_of_parts_scale_as_torch_scales_the_whole(max_norm: float) -> None:
    own = gradients(0)
    plain = as_parameters(own)
    torch.nn.utils.clip_grad_norm_(plain, max_norm)
    norms = torch.cat([gradient_norms(own[:1]), gradient_norms([]), gradient_norms(own[1:])])
    scale(own, clip_factor(norms, max_norm))
    assert all(torch.equal(a, p.grad) for a, p in zip(own, plain, strict=True))


def test_values_are_clipped_as_torchs() -> None:
    own = gradients(1)
    plain = as_parameters(own)
    torch.nn.utils.clip_grad_value_(plain, 0.3)
    clip_values(own, 0.3)
    assert all(torch.equal(a, p.grad) for a, p in zip(own, plain, strict=True))
    assert max(float(grad.abs().max()) for grad in own) == pytest.approx(0.3)


def test_nothing_is_divided_by_a_norm_of_zero() -> None:
    grads = [torch.zeros(3)]
    scale(grads, clip_factor(gradient_norms(grads), 1.0))
    assert grads[0].tolist() == [0.0, 0.0, 0.0]
