from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.settings import Settings, load_settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*")), ids=lambda path: path.name)
def test_every_file_in_configs_loads(path: Path) -> None:
    assert load_settings(path)


def test_the_commented_file_lists_every_setting_with_its_default() -> None:
    text = (CONFIGS / "tandem.yaml").read_text()
    unset = {"ray_address", "data_dir"}  # shown in comments, for their defaults are no constants
    assert all(f"# {name}: " in text for name in unset)
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    listed = yaml.safe_load(text)
    listed["storage_path"] = Path(listed["storage_path"])
    assert listed == {name: value for name, value in defaults.items() if name not in unset}
