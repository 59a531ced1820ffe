"""Up to the recipe's learning rate and down again, as ``torch.optim.lr_scheduler.OneCycleLR``."""

import math

from actors.core.fields import choice, flag, number
from actors.core.recipe.lr_schedule import LrScheduleKind, When, add_lr_schedule

ANNEALING = ("cos", "linear")


def _one_cycle(
    rate: float,
    when: When,
    pct_start: float,
    anneal_strategy: str,
    div_factor: float,
    final_div_factor: float,
    three_phase: bool,
) -> float:
    """L. N. Smith and N. Topin, "Super-Convergence", 2017; the phases are torch's."""
    low = rate / div_factor
    lowest = low / final_div_factor
    peak = pct_start * when.total - 1
    ends = [(peak, low, rate), (when.total - 1, rate, lowest)]
    if three_phase:
        back = 2 * pct_start * when.total - 2
        ends = [(peak, low, rate), (back, rate, low), (when.total - 1, low, lowest)]
    index = next((i for i, (end, *_) in enumerate(ends) if when.step <= end), len(ends) - 1)
    end, first, last = ends[index]
    start = ends[index - 1][0] if index else 0.0
    share = (when.step - start) / (end - start) if end > start else 1.0
    return _between(first, last, min(1.0, share), anneal_strategy)


def _between(first: float, last: float, share: float, strategy: str) -> float:
    if strategy == "linear":
        return first + (last - first) * share
    return last + (first - last) / 2.0 * (1.0 + math.cos(math.pi * share))


add_lr_schedule(
    LrScheduleKind(
        "one_cycle",
        "rises to the rate, then falls to almost nothing",
        _one_cycle,
        {
            "pct_start": number(0.0, 1.0, 0.3),
            "anneal_strategy": choice(ANNEALING, "cos"),
            "div_factor": number(1.0, 1e9, 25.0),
            "final_div_factor": number(1.0, 1e9, 1e4),
            "three_phase": flag(False),
        },
    )
)
