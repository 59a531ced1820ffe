"""The parts of a plan: the training, the devices, and the result."""

from __future__ import annotations

from dataclasses import dataclass

from actors.channels.messages import message_bytes
from actors.core.model.facts import BlockFacts
from actors.core.model.freezing import facts_with_frozen
from actors.core.model.model_spec import ModelSpec
from actors.core.recipe.optimizer import num_copies
from actors.core.recipe.precision import BF16, FP32
from actors.core.recipe.recipe import PLAIN_SGD, Recipe
from actors.core.stages.profiles import DeviceProfile, LinkProfile
from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from orchestrator.planning.memory_model import MemoryModel, MemoryNeed
from orchestrator.planning.split_search import Cuts


@dataclass(frozen=True)
class PlanDevice:
    """A device as a plan sees it. ``room_bytes`` is what the job's tensors may take there; None
    is no limit."""

    device_id: int
    label: str
    profile: DeviceProfile
    room_bytes: int | None = None


@dataclass(frozen=True)
class PlanJob:
    """The training and its devices, in the order of the stages. ``links`` join neighbours in that
    order. ``batch_size`` is the number of samples of a step, ``val_batch_size`` that of the
    largest part of a validation."""

    model: ModelSpec
    batch_size: int
    val_batch_size: int
    devices: tuple[PlanDevice, ...]
    links: tuple[LinkProfile, ...] = ()
    recipe: Recipe = PLAIN_SGD
    task: TaskSpec = CLASSIFICATION

    @property
    def facts(self) -> tuple[BlockFacts, ...]:
        """The facts of the model's blocks."""
        return facts_with_frozen(self.model, self.recipe.freeze)

    @property
    def num_blocks(self) -> int:
        return len(self.facts)

    def rows(self, num_microbatches: int) -> int:
        """Samples of the largest microbatch."""
        return -(-self.batch_size // num_microbatches)

    def message_bytes(self, cut: int, num_microbatches: int) -> int:
        """The bytes of the largest microbatch's message that crosses before block ``cut``.

        With ``precision`` bf16 this is a guess: in autocast, linear layers and convolutions give
        bfloat16, and norms float32.
        """
        crossing = self.facts[cut].inputs if cut < self.num_blocks else self.facts[-1].outputs
        wire = self.recipe.wire
        if self.recipe.precision == BF16 and wire == FP32:
            wire = BF16
        return message_bytes(self.rows(num_microbatches), crossing, wire)

    def memory(self, num_microbatches: int) -> MemoryModel:
        """The memory of the stages, without the number of activations that each holds."""
        rows = self.rows(num_microbatches)
        most_rows = max(rows, self.val_batch_size)
        copies = num_copies(self.recipe.optimizer)
        targets = TASKS[self.task.kind].targets(self.facts[-1].outputs)
        return MemoryModel(
            self.facts,
            targets,
            self.batch_size,
            rows,
            most_rows,
            copies,
            is_bf16=self.recipe.precision == BF16,
            runs_ahead=bool(self.recipe.freeze),
            wire=self.recipe.wire,
        )


@dataclass(frozen=True)
class Pipelining:
    """How a step is cut up in time."""

    schedule: str
    num_microbatches: int


@dataclass(frozen=True)
class StagePlan:
    """One stage of a plan; seconds are those of a step. ``waiting_s`` is the step without computing
    and updating, ``sending_s`` the part of that in which it takes and hands over messages, and
    ``wire_s`` how long all its messages are on their way."""

    device_id: int
    label: str
    start: int
    end: int
    threads: int
    computing_s: float
    updating_s: float
    waiting_s: float
    sending_s: float
    wire_s: float
    held: int
    memory: MemoryNeed
    room_bytes: int | None

    @property
    def is_too_small(self) -> bool:
        """The device lacks the memory for it."""
        return self.room_bytes is not None and self.memory.total > self.room_bytes


@dataclass(frozen=True)
class Plan:
    """A split with its schedule, and what a step by it should take."""

    pipelining: Pipelining
    cuts: Cuts
    step_s: float
    bubble: float
    stages: tuple[StagePlan, ...]
    links: tuple[LinkProfile, ...] = ()

    @property
    def too_small(self) -> StagePlan | None:
        """The first stage whose device lacks the memory."""
        return next((stage for stage in self.stages if stage.is_too_small), None)
