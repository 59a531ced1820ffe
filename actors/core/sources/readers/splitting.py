"""Chooses the samples for validation if the files don't."""

from __future__ import annotations

import numpy as np

from actors.core.errors import InvalidRequest
from actors.core.rows.row_reader import Array
from actors.core.sources.registry import WHERE


def drawn_for_validation(num_samples: int, share: float, seed: int, classes: Array) -> Array:
    """A mask (bool ``[num_samples]``) for that share of the samples, drawn by the seed. Each class
    gets its own share. ``classes`` are int64 ``[num_samples]``, all 0 if there are none.

    Raises ``InvalidRequest`` if either side would have no sample.
    """
    num_val = round(num_samples * share)
    if not 0 < num_val < num_samples:
        side = "validation" if num_val == 0 else "training"
        raise InvalidRequest(
            f"{WHERE}.validation_split is {share:g}, which of {num_samples:,} samples leaves none "
            f"for {side}: use another share, or more samples"
        )
    # RandomState's streams are promised to stay the same in every version of numpy.
    order = np.random.RandomState(seed).permutation(num_samples)
    by_class = order[np.argsort(classes[order], kind="stable")]
    counts = np.bincount(classes)
    firsts = np.cumsum(counts) - counts
    ranks = np.arange(num_samples) - firsts[classes[by_class]]
    quantiles = (ranks + 0.5) / counts[classes[by_class]]
    mask = np.zeros(num_samples, bool)
    mask[by_class[np.argsort(quantiles, kind="stable")[:num_val]]] = True
    return mask
