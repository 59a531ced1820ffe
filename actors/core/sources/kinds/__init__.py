"""One module a family of sources. Importing this imports them all, which fills the registry."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
