from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.checkpoints import FOLDER, about, state, store_at

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "checkpoints.md").read_text()


def test_the_documented_command_loads_a_checkpoint_in_plain_pytorch(tmp_path: Path) -> None:
    info = store_at(tmp_path).save(about(240), state(240))
    (program,) = re.findall(r"<<'END'\n(.*?)^END$", PAGE, re.M | re.S)
    folder = tmp_path / FOLDER / info.checkpoint_id
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Linear(in_features=5, out_features=4" in done.stdout
    assert "after 240 steps" in done.stdout


def test_the_page_names_what_a_manifest_holds(tmp_path: Path) -> None:
    info = store_at(tmp_path).save(about(1), state(1))
    for name in [*vars(info.about), "format_version", "created_at", "versions", "cursor", "sha256"]:
        assert re.search(rf"`(\w+[.\[\].]+)*{name}`", PAGE), name
