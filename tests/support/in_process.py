"""Runs a pipeline in threads of this process, over mailboxes: the real loops, no Ray."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from actors.channels.channel import Receiver, Sender
from actors.core.feeding.rows import TensorRows
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.snapshots import TrainingState
from actors.core.sources.samples import Samples
from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.stages.specs import SessionSpec, StageSpec
from actors.core.stages.stage import Stage
from actors.loop.stage_io import StageData, StageLinks
from actors.loop.stage_loop import StageLoop
from tests.support.mailbox import Mailbox
from tests.support.sources import fitting

JOIN_TIMEOUT_S = 60


@dataclass
class Pipeline:
    """Stages and their loops; ``errors`` holds what each loop raised, ``completed`` its result."""

    stages: list[Stage]
    loops: list[StageLoop]
    links: list[StageLinks]
    mailboxes: list[Mailbox] = field(default_factory=list)
    errors: dict[int, BaseException] = field(default_factory=dict)
    completed: dict[int, bool] = field(default_factory=dict)

    def run(
        self, meanwhile: Callable[[], None] | None = None, timeout_s: float = JOIN_TIMEOUT_S
    ) -> None:
        """Runs every loop to its end; a loop that fails closes all channels."""
        threads = [
            threading.Thread(target=self._run_stage, args=(i,)) for i in range(len(self.loops))
        ]
        for thread in threads:
            thread.start()
        if meanwhile is not None:
            meanwhile()
        for thread in threads:
            thread.join(timeout_s)
            assert not thread.is_alive(), "a stage loop hangs"

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: t for stage in self.stages for name, t in stage.weights().items()}

    def _run_stage(self, index: int) -> None:
        try:
            self.completed[index] = self.loops[index].run()
        except Exception as error:
            self.errors[index] = error
            for links in self.links:
                links.close()


def build_pipeline(
    network: ModelSpec,
    session: SessionSpec,
    dataset: Samples,
    cuts: list[int],
    slots: int = 2,
    state: TrainingState | None = None,
    devices: Sequence[ComputeDevice] | None = None,
    data: StageData | None = None,
) -> Pipeline:
    """A stage for each pair of neighbouring ``cuts``, e.g. [0, 2, 3] for two stages; they go on
    from ``state``, if one is given, and compute on ``devices``, by default the CPU; ``data`` are
    rows of the data set that come in another way than from its arrays."""
    num_stages = len(cuts) - 1
    computers = devices or [CPU] * num_stages
    boxes = [_mailboxes(slots, way, num_stages - 1) for way in ("forward", "backward")]
    links = _build_links(computers, session, *boxes)
    arrays = (dataset.train.inputs, dataset.train.targets, dataset.val.inputs, dataset.val.targets)
    data = data or StageData(*(TensorRows(torch.from_numpy(a)) for a in arrays))
    session = fitting(session, network)
    specs = [StageSpec.of(network, i, num_stages, cuts[i], cuts[i + 1]) for i in range(num_stages)]
    pairs = zip(specs, computers, strict=True)
    stages = [_stage(spec, state, device) for spec, device in pairs]
    loops = [StageLoop(stage, session, data, links[i]) for i, stage in enumerate(stages)]
    return Pipeline(stages, loops, links, [*boxes[0], *boxes[1]])


def _mailboxes(slots: int, way: str, count: int) -> list[Mailbox]:
    names = [f"{way} {i}" for i in range(count)]
    return [Mailbox(slots, n) for n in names]


def _stage(spec: StageSpec, state: TrainingState | None, device: ComputeDevice) -> Stage:
    if state is None:
        return Stage(spec, device=device)
    part = state.part(spec.model, spec.start, spec.end)
    return Stage(spec, part.weights, part.optimizer, device)


def _build_links(
    devices: Sequence[ComputeDevice],
    session: SessionSpec,
    forward: Sequence[Mailbox],
    backward: Sequence[Mailbox],
) -> list[StageLinks]:
    num_stages = len(devices)
    timeout_s, generation = session.channel_timeout_s, session.generation
    links = []
    for i in range(num_stages):
        first, last = i == 0, i == num_stages - 1
        receiver = functools.partial(
            Receiver, generation=generation, timeout_s=timeout_s, buffer=devices[i].host_buffer
        )
        links.append(
            StageLinks(
                forward_in=None if first else receiver(forward[i - 1]),
                forward_out=None if last else Sender(forward[i], generation, timeout_s),
                backward_in=None if last else receiver(backward[i]),
                backward_out=None if first else Sender(backward[i - 1], generation, timeout_s),
            )
        )
    return links
