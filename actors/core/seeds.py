"""Random streams that depend on what they are for, never on which device draws them."""

from __future__ import annotations

import numpy as np
import torch

WEIGHTS_STREAM = 1
ORDER_STREAM = 2
TRAINING_STREAM = 3
"""For layers that draw while they train, by block, step and microbatch."""
TRANSFORM_STREAM = 4
"""For what transforms draw for a sample, by epoch."""
MIXING_STREAM = 5
"""For which other sample a sample is mixed with, and how."""
GENERATION_STREAM = 6
"""For the tokens that a model goes on with, by prompt."""


def stream_seed(seed: int, stream: int, *index: int) -> int:
    """The seed of item ``index`` of ``stream`` under the job's ``seed``.

    Uses numpy's ``SeedSequence``, which promises the same numbers on every platform and version.
    """
    state = np.random.SeedSequence([seed, stream, *index]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def derived_generator(seed: int, stream: int, *index: int) -> torch.Generator:
    """A separate generator for that item."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, *index))
