"""The optimisers, by what ``torch.optim`` calls them. Importing this fills the registry."""

from actors.core.rooms import import_all

import_all(__name__, __path__)
