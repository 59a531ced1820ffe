"""Architectures by name: each expands to a list of layers. Importing this fills the registry."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
