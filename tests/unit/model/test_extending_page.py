"""The examples of the page on extending do what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.core.architectures.registry import ARCHITECTURES
from actors.core.model.registry import KINDS
from orchestrator.models.model_config import model_json
from tests.support.sources import job_spec

PAGE = Path("docs/extending.md").read_text(encoding="utf-8")


@pytest.fixture
def examples() -> Iterator[None]:
    """The additions of the page's Python."""
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(code, names)
    yield
    del KINDS["Scale"], ARCHITECTURES["bottleneck"]


@pytest.mark.usefixtures("examples")
def test_the_pages_layer_and_architecture_make_a_job_s_model() -> None:
    given = {"architecture": "bottleneck", "config": {"width": 8}}
    layers = model_json(job_spec(given, {"name": "digits"}).model)["layers"]
    assert [layer["type"] for layer in layers] == ["Flatten", "Linear", "Scale", "Linear"]
    assert layers[2]["factor"] == 1.0 and layers[3]["out_features"] == 10


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`((?:actors|tests)/[\w/.]+)`", PAGE):
        assert Path(name).exists(), name
