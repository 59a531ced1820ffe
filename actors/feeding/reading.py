"""Says how to read rows that don't lie in memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """Tasks on the node ``node_id`` read blocks of about ``block_bytes``. ``num_ahead`` blocks
    are read or being read beside the one in use, for training and for validation each."""

    node_id: str
    block_bytes: int
    num_ahead: int
