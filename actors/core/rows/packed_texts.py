"""Many texts as two arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class PackedTexts:
    """A sequence of ``n`` texts: the bytes of all of them in a row, uint8, and where each ends,
    int64 ``[n]``.

    Ray's object store hands arrays to a process without a copy. So a task that needs some of a
    million texts unpacks those alone, where a tuple of them is unpacked whole.
    """

    joined: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> PackedTexts:
        """May be names of files that are no text in the file system's encoding."""
        encoded = [os.fsencode(text) for text in texts]
        joined = np.frombuffer(b"".join(encoded), np.uint8)
        ends = np.fromiter(accumulate(map(len, encoded)), np.int64, len(encoded))
        return cls(joined, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        begin = self.ends[index - 1] if index else 0
        return os.fsdecode(self.joined[begin : self.ends[index]].tobytes())
