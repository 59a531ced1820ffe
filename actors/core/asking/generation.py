"""Draws the tokens that follow. Needs PyTorch: only the process that predicts imports this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from actors.core.asking.prompts import Prompts
from actors.core.errors import InvalidRequest
from actors.core.seeds import GENERATION_STREAM, derived_generator

Model = Callable[[torch.Tensor], torch.Tensor]
"""int64 ``[n, context]`` -> float32 ``[n, context, tokens]``: the logits of the token that follows
each place."""


def generated(
    model: Model, context: int, tokens: Sequence[Sequence[int]], asked: Prompts, first: int
) -> list[list[int]]:
    """The tokens that follow each prompt, ``asked.max_tokens`` of each. A model sees the last
    ``context`` tokens. ``first`` is the first prompt's index in the request: what is drawn for a
    prompt depends on it and the seed, not on the others.

    Raises ``InvalidRequest`` if a number is not finite.
    """
    draws = [
        derived_generator(asked.seed, GENERATION_STREAM, first + index)
        for index in range(len(tokens))
    ]
    windows = torch.zeros(len(tokens), context, dtype=torch.int64)
    lengths = torch.tensor([min(len(own), context) for own in tokens])
    for window, own, length in zip(windows, tokens, lengths.tolist(), strict=True):
        window[:length] = torch.tensor(own[-context:])
    rows, found = torch.arange(len(tokens)), []
    for _ in range(asked.max_tokens):
        logits = model(windows)[rows, lengths - 1]
        chosen = _chosen(logits, asked, draws, first)
        found.append(chosen)
        _append(windows, lengths, chosen)
    return torch.stack(found, dim=1).tolist()


def looks_ahead(model: Model, context: int, num_tokens: int) -> bool:
    """Whether outputs at a place depend on later places. Then the model can't go on with a prompt
    that is shorter than its context: nobody knows what comes."""
    if context == 1 or num_tokens == 1:
        return False
    windows = torch.zeros(2, context, dtype=torch.int64)
    windows[1, -1] = 1
    one, other = model(windows)[:, :-1]
    return not torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def _append(windows: torch.Tensor, lengths: torch.Tensor, chosen: torch.Tensor) -> None:
    """Appends a token to each window. A full one moves on by one."""
    context = windows.shape[1]
    full = lengths == context
    windows[full] = windows[full].roll(-1, dims=1)
    lengths += (~full).to(lengths.dtype)
    windows[torch.arange(len(windows)), lengths - 1] = chosen


def _chosen(
    logits: torch.Tensor, asked: Prompts, draws: Sequence[torch.Generator], first: int
) -> torch.Tensor:
    """A token for each row of ``logits`` ``[n, tokens]``."""
    finite = logits.isfinite().all(dim=1).tolist()
    if not all(finite):
        raise InvalidRequest(
            f"prompts[{first + finite.index(False)}] has no finite answer: the network's weights "
            "are too large for float32, so train it again with a lower learning_rate"
        )
    if asked.temperature == 0.0:
        return logits.argmax(dim=1)
    wide = logits.double()
    if asked.top_k is not None and asked.top_k < wide.shape[1]:
        least = wide.topk(asked.top_k, dim=1).values[:, -1:]
        wide = wide.masked_fill(wide < least, -torch.inf)
    shares = ((wide - wide.amax(dim=1, keepdim=True)) / asked.temperature).softmax(dim=1)
    drawn = [torch.multinomial(own, 1, generator=d) for own, d in zip(shares, draws, strict=True)]
    return torch.cat(drawn)
