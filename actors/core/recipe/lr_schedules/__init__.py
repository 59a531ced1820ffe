"""The learning-rate schedules, by what ``torch.optim.lr_scheduler`` makes of a rate."""

from actors.core.recipe.lr_schedules import decays, one_cycle

__all__ = ["decays", "one_cycle"]
