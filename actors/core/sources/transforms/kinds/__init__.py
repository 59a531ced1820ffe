"""The transforms, with torchvision's names. One module for each kind of change."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
