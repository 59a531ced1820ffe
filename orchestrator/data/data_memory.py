"""How much memory data may take on the gateway's host. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from actors.feeding.reading import Reading

STORE_SHARE = 0.5
"""Of the object store of the gateway's node, where no setting says more."""
MAX_BLOCK_BYTES = 16 * 2**20
BLOCKS = 24
"""That fit into the memory for data: blocks are smaller where that is little."""
MIN_AHEAD = 2


@dataclass(frozen=True)
class DataMemory:
    """Inputs of a data set that take up to ``max_bytes`` lie in memory. Of a larger one blocks are
    read as a job is trained: at most so many bytes of them at a time, but for batches that are
    larger than a block. ``cores`` are those of the node that reads."""

    max_bytes: int
    cores: int

    @classmethod
    def of(cls, asked_bytes: int | None, store_bytes: int, cores: int) -> DataMemory:
        """As the setting asks for, or the share of a store of that size."""
        max_bytes = int(store_bytes * STORE_SHARE) if asked_bytes is None else asked_bytes
        return cls(max_bytes, cores)

    def reading(self, node_id: str) -> Reading:
        """As many blocks ahead as there are cores to read them, if they fit."""
        block_bytes = max(1, min(MAX_BLOCK_BYTES, self.max_bytes // BLOCKS))
        fitting = self.max_bytes // (2 * block_bytes) - 1  # beside the one in use, of two splits
        return Reading(node_id, block_bytes, min(max(MIN_AHEAD, self.cores), fitting))
