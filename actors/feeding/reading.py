"""How rows that do not lie in memory are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """By tasks on the node ``node_id``, in blocks of about ``block_bytes``, of which ``num_ahead``
    are read or being read beside the one that is used, for training and as many for validation."""

    node_id: str
    block_bytes: int
    num_ahead: int
