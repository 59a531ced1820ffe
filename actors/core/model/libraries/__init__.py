"""Libraries' models by name, as sequences of layers; importing this fills the registry."""

from actors.core.model.libraries import torchvision_models  # noqa: F401
