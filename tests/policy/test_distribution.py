"""The wheel and the sdist contain what a user needs, and nothing else. `make dist` trains from
one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from actors.core.version import __version__
from tests.support.documents import ROOT

FLOORS = ("actors", "orchestrator", "http_gateway")
BESIDE = ("configs", "README.md", "LICENSE", "MANIFEST.in", "pyproject.toml", "setup.py")
FOR_READERS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "constraints.txt")
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist, built from a copy, because the build leaves files beside its sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*FLOORS, *BESIDE, *FOR_READERS):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    return build("build_wheel", source, out), build("build_sdist", source, out)


def build(what: str, source: Path, out: Path) -> Path:
    """In a separate process, because setuptools remembers the build before."""
    command = [sys.executable, "-c", BUILD, what, str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


def shipped() -> set[str]:
    """Every file of the packages, code or not."""
    files = (p for floor in FLOORS for p in (ROOT / floor).rglob("*") if p.is_file())
    return {str(p.relative_to(ROOT)) for p in files if "__pycache__" not in p.parts}


def test_the_wheel_has_every_file_of_the_packages_and_no_other(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        metadata = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
        entry_points = wheel.read(metadata["entry_points.txt"]).decode()
        about = wheel.read(metadata["METADATA"]).decode()
    assert names == shipped()
    assert "orchestrator/store/migrations/env.py" in names
    assert "tandem = http_gateway.cli.start:main" in entry_points
    assert f"\nVersion: {__version__}\n" in about and "LICENSE" in metadata


def test_the_sdist_can_be_built_from_and_read(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert shipped() | {"setup.py", "pyproject.toml", "LICENSE", "README.md"} <= names
    assert set(FOR_READERS) | {"configs/tandem.yaml", "configs/jobs/digits.yaml"} <= names
    assert not any(name.startswith("tests") for name in names)


def test_the_changelog_begins_with_the_version_that_is_built() -> None:
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line[:3] == "## "
    ]
    assert headings[0].startswith(f"## {__version__} ")
