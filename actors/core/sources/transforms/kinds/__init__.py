"""The transforms there are, by torchvision's names: one module a kind of change."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
