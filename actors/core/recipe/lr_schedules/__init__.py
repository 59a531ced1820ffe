"""The learning-rate schedules, by what ``torch.optim.lr_scheduler`` makes of a rate."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
