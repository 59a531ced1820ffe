"""The cases of a chaos run, drawn by a seed, and their outcomes. Pure."""

from __future__ import annotations

import math
import random
import signal
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

TARGETS = ("layer_actor", "ray_node", "job_manager", "gateway", "head")
PHASES = ("forward", "backward", "optimizer", "validation", "checkpoint", "idle", "recovery")
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
NUM_NODES = 3
STEP_ROWS = 128
MAX_LOST_STEPS = 10
CHECKPOINT_INTERVAL_S = 2.0
WRITE_S = 2.0
"""The longest time from a checkpoint's snapshot to its manifest's rename on a busy disk."""


@dataclass(frozen=True)
class Case:
    """A signal, its target and its moment. ``nodes`` are the job's devices in the order of its
    stages, by their place in the cluster, where the head's is 0. ``stage`` is the one whose phase
    is awaited, and for a LayerActor or a Ray node the one that is hit."""

    target: str
    how: signal.Signals
    phase: str
    nodes: tuple[int, ...]
    stage: int

    def __str__(self) -> str:
        return f"{self.how.name} {self.target} in {self.phase}"

    @property
    def where(self) -> str:
        """The stages' nodes, the one in question in brackets."""
        return " ".join(f"[{n}]" if i == self.stage else str(n) for i, n in enumerate(self.nodes))

    @property
    def hits_device(self) -> bool:
        """A device is lost, and nothing but that."""
        return self.target in ("layer_actor", "ray_node")

    @property
    def expected_event(self) -> str | None:
        """The event that the job must report before it counts as training again; None if it may not
        have noticed anything, or was not training."""
        if self.phase == "idle" or self.target == "gateway":
            return None
        if self.hits_device:
            return "going_on" if self.phase == "recovery" else "lost"
        return None if self.target == "head" and self.how is signal.SIGSTOP else "taken_up"


@dataclass(frozen=True)
class Strike:
    """What was hit, as far as it can be seen from outside.

    ``phase`` is the last look before the signal, which came at most ``gap_ms`` later, and
    ``phase_after`` the next one, None if nobody answered. ``epoch`` and ``step`` are the stage's,
    from 1 within the session; ``at_s`` is the monotonic clock's.
    """

    phase: str
    gap_ms: float
    phase_after: str | None
    epoch: int
    step: int
    at_s: float


@dataclass
class Outcome:
    """The result of a case; ``trouble`` is empty if all was well.

    ``recovery_s`` is from the signal to the next optimiser step seen over HTTP; ``lost_steps`` were
    done again, ``allowed_steps`` may have been.
    """

    case: Case
    strike: Strike | None = None
    is_equal: bool = False
    recovery_s: float | None = None
    lost_steps: int | None = None
    allowed_steps: int | None = None
    trouble: list[str] = field(default_factory=list)

    @property
    def is_aimed(self) -> bool:
        """The blow fell in the phase that was asked for."""
        return self.strike is not None and self.strike.phase == self.case.phase

    @property
    def is_good(self) -> bool:
        few = self.lost_steps is None or self.lost_steps <= (self.allowed_steps or 0)
        return self.is_equal and few and not self.trouble


def draw_cases(
    seed: int,
    runs: int,
    targets: Sequence[str] = TARGETS,
    phases: Sequence[str] = PHASES,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> list[Case]:
    """Every pair of target and signal in turn, each in one phase after the other, in an order by
    chance: as many runs as the matrix has cells meet each cell once."""
    chance = random.Random(seed)
    pairs = [(target, how) for target in targets for how in signals]
    chance.shuffle(pairs)
    orders = {pair: chance.sample(list(phases), len(phases)) for pair in pairs}
    cases = []
    for number in range(runs):
        turn, place = divmod(number, len(pairs))
        target, how = pairs[place]
        phase = orders[target, how][turn % len(phases)]
        cases.append(_placed(chance, target, how, phase))
    return cases


def _placed(chance: random.Random, target: str, how: signal.Signals, phase: str) -> Case:
    nodes = tuple(chance.sample(range(NUM_NODES), chance.choice([2, 3])))
    stages = [i for i, node in enumerate(nodes) if target != "ray_node" or node != 0]
    return Case(target, how, phase, nodes, chance.choice(stages))


def allowed_of_devices(num_failures: int) -> int:
    """``max_lost_steps`` for each loss of devices."""
    return MAX_LOST_STEPS * num_failures


def allowed_after_restart(steps_per_s: float) -> int:
    """The steps in a checkpoint's interval, and while one is written."""
    return math.ceil((CHECKPOINT_INTERVAL_S + WRITE_S) * steps_per_s)


HEAD = (
    "| what | stages on nodes | hit in | gap, ms | same bits | next step after, s "
    "| steps done again | |\n|---|---|---|---|---|---|---|---|"
)


def row(outcome: Outcome) -> str:
    """A row of the table that ``HEAD`` begins."""
    strike, case = outcome.strike, outcome.case
    hit, gap = ("–", "–") if strike is None else (_phases(strike), f"{strike.gap_ms:.1f}")
    after = "–" if outcome.recovery_s is None else f"{outcome.recovery_s:.1f}"
    lost = "–" if outcome.lost_steps is None else f"{outcome.lost_steps} of {outcome.allowed_steps}"
    same = "yes" if outcome.is_equal else "NO"
    trouble = "; ".join(outcome.trouble)
    return f"| {case} | {case.where} | {hit} | {gap} | {same} | {after} | {lost} | {trouble} |"


def _phases(strike: Strike) -> str:
    later = strike.phase_after
    return strike.phase if later in (None, strike.phase) else f"{strike.phase} → {later}"


def medians(outcomes: Sequence[Outcome]) -> str:
    """A table of the seconds to the next optimiser step, by target and signal."""
    lines = ["| what | runs | in the phase | median, s | longest, s |", "|---|---|---|---|---|"]
    for target in TARGETS:
        for how in SIGNALS:
            own = [o for o in outcomes if (o.case.target, o.case.how) == (target, how)]
            times = [o.recovery_s for o in own if o.recovery_s is not None]
            if times:
                aimed = sum(o.is_aimed for o in own)
                middle, longest = statistics.median(times), max(times)
                line = f"| {how.name} {target} | {len(own)} | {aimed} | {middle:.1f} |"
                lines.append(f"{line} {longest:.1f} |")
    return "\n".join(lines)
