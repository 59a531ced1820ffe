"""Architectures by name: each expands to a list of layers. Importing this fills the registry."""

from actors.core.architectures import cnn, gpt, mlp, vit  # noqa: F401
