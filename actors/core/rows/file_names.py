"""What names of files and folders say. This module imports nothing."""

from __future__ import annotations

TRAIN, VAL, TEST = "train", "val", "test"
PARTS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "test": TEST,
    "testing": TEST,
}
HIDDEN = frozenset(
    {
        "__macosx",
        "__pycache__",
        "@eadir",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbs.db",
        "desktop.ini",
    }
)
"""What systems and tools put among a user's files."""


def part_named(name: str) -> str | None:
    """The part of a data set that a folder of this name has, in capitals or not."""
    return PARTS.get(name.casefold())


def is_hidden(name: str) -> bool:
    """Whether files of this name, and folders with all that is in them, are no data."""
    return name.startswith(".") or name.casefold() in HIDDEN
