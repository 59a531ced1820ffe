from __future__ import annotations

from pathlib import Path

from actors.core.sources.registry import SOURCES
from actors.core.sources.transforms.registry import TRANSFORMS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "data.md").read_text()


def test_the_page_names_every_transform_and_every_argument() -> None:
    for name, kind in TRANSFORMS.items():
        assert f"`{name}`" in PAGE, name
        for field in kind.fields:
            assert f"`{field}`" in PAGE, (name, field)


def test_the_page_names_every_source_and_every_field() -> None:
    for name, kind in SOURCES.items():
        assert f"`{name}`" in PAGE or f'"{name}"' in PAGE, name
        for field in kind.fields:
            assert f"`{field}`" in PAGE or f'"{field}"' in PAGE, (name, field)
