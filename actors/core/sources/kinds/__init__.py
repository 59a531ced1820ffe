"""One module for each family of sources. Importing this package imports them all, and that fills
the registry."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
