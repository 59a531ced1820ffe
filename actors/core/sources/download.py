"""Fetches what is missing of MNIST, and touches nothing that is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.torchvision_compat import import_torchvision


def fetch_mnist(data_dir: Path, missing: Sequence[Path]) -> None:
    """Downloads all to a folder of its own, then puts the ``missing`` files in their place, each
    whole or not at all. Raises ``DatasetUnavailable``."""
    try:
        with tempfile.TemporaryDirectory(prefix="tandem-mnist-") as folder:
            import_torchvision("torchvision.datasets").MNIST(root=folder, download=True)
            for path in missing:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(path.name + ".partial")
                shutil.copyfile(Path(folder) / "MNIST" / "raw" / path.name, partial)
                os.replace(partial, path)
    except Exception as error:  # of the network, the disk, or what was sent instead of the files
        raise DatasetUnavailable(
            f"{_what(missing)} not in {missing[0].parent} and could not be downloaded "
            f"({error_text(error)}). Put MNIST's four files there (TANDEM_DATA_DIR names "
            f'{data_dir}), or use the data set "digits", which needs no download'
        ) from error


def _what(missing: Sequence[Path]) -> str:
    if len(missing) == 4:
        return "MNIST is"
    names = ", ".join(path.name for path in missing)
    return f"MNIST's {names} {'are' if len(missing) > 1 else 'is'}"
