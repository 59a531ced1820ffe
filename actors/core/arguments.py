"""What a kind is given by a user. Needs no PyTorch."""

from __future__ import annotations

Argument = bool | int | float | str | tuple[bool | int | float | str, ...] | None
"""Of a layer, a source or a transform: its type survives the store."""
