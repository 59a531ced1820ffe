"""The Ray actor that replays a job's training; a plain class, wrapped late."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import ray
import torch

from actors.copies.snapshot_transport import Arrays
from actors.core.stages.replay import Replayed, ReplayPlan, replay
from actors.feeding.given_rows import GivenRows
from actors.feeding.reading import Reading
from actors.host.host_kind import HostKind, this_host

# The arrays are shared with other processes; they are only ever read.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


@dataclass(frozen=True)
class PackedReplay:
    """A ``Replayed`` on its way, with where it was computed and in how many seconds."""

    losses: tuple[float, ...]
    weights: Arrays | None
    host: HostKind
    seconds: float

    def unpack(self) -> Replayed:
        """In memory of its own."""
        if self.weights is None:
            return Replayed(self.losses, None)
        return Replayed(self.losses, {n: torch.tensor(a) for n, a in self.weights.items()})


class Replayer:
    """Runs in a separate process, because it sets torch's threads there."""

    def replay(
        self,
        plan: ReplayPlan,
        references: Sequence[Any],
        reading: Reading,
        fetch_timeout_s: float,
        limit_s: float,
    ) -> PackedReplay:
        """Runs at least a step, and no more than ``limit_s`` allow.

        ``references`` point to training inputs and targets, and to the initial weights if they are
        not drawn. They are in a list, which Ray leaves alone; the objects are
        fetched within ``fetch_timeout_s``.
        """
        inputs, targets, *given = ray.get(list(references), timeout=fetch_timeout_s)
        rows = GivenRows(references[0], inputs, reading)
        initial = {name: torch.tensor(array) for name, array in given[0].items()} if given else None
        begin = time.monotonic()
        with ExitStack() as until:
            done = replay(
                plan,
                lambda session: rows.training(session, until),
                torch.from_numpy(targets),
                lambda: time.monotonic() - begin < limit_s,
                initial,
            )
        weights = None
        if done.weights is not None:
            weights = {name: tensor.numpy() for name, tensor in done.weights.items()}
        return PackedReplay(done.losses, weights, this_host(), time.monotonic() - begin)
