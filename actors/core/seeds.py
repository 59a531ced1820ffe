"""Random streams that depend on what they are for, never on which device draws them."""

from __future__ import annotations

import numpy as np
import torch

WEIGHTS_STREAM = 1
ORDER_STREAM = 2


def derived_generator(seed: int, stream: int, index: int) -> torch.Generator:
    """A generator of its own for item ``index`` of ``stream`` under the job's ``seed``.

    Uses numpy's ``SeedSequence``, which promises the same numbers on every platform and version.
    """
    state = np.random.SeedSequence([seed, stream, index]).generate_state(1, np.uint64)
    generator = torch.Generator()
    generator.manual_seed(int(state[0] >> np.uint64(1)))
    return generator
