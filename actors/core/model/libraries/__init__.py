"""Libraries' models by name, as sequences of layers. Importing this fills the registry."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
