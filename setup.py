"""Packaging of Tandem; the version is stated in ``actors/core/version.py`` alone."""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    """Read as text: importing it would need what is not installed yet."""
    text = (ROOT / "actors" / "core" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit("actors/core/version.py states no __version__")
    return found.group(1)


# Exact minor releases where behaviour is relied on: Ray's mutable objects are alpha, and a torch
# range that admits a newer release can pull other wheels. Ranges elsewhere: the newest numpy,
# scikit-learn, typer, … no longer install on Python 3.10.
REQUIRED = [
    "ray[default]~=2.60.0",
    "torch~=2.13.0",
    "torchvision~=0.28.0",
    "numpy>=2.0,<3",
    "flask~=3.1",
    "flask-openapi3[swagger]~=4.3",
    "pydantic~=2.12",
    "pydantic-settings[yaml]>=2.10,<3",
    "waitress~=3.0",
    "safetensors>=0.6,<1",
    "typer>=0.20,<1",
    "rich>=14,<16",
    "requests~=2.32",
    "prometheus-client>=0.22,<1",
    "scikit-learn>=1.6,<2",
    "pillow>=11,<14",
    "psutil>=7,<8",
    "filelock>=3.16,<5",
    "sqlalchemy~=2.1.0",
    "alembic>=1.18,<2",
]

TABLES = ["pyarrow>=22,<27"]
ONNX = ["onnx>=1.21,<2", "onnxscript>=0.7,<1"]
TENSORBOARD = ["tensorboard>=2.19,<3"]

EXTRAS = {
    "onnx": ONNX,
    "tables": TABLES,
    "tensorboard": TENSORBOARD,
    "test": [
        *ONNX,
        *TABLES,
        *TENSORBOARD,
        "build>=1.2,<2",
        "pytest>=9.0,<10",
        "pytest-timeout~=2.4",
        "pytest-xdist~=3.8",
        "hypothesis~=6.100",
        "import-linter~=2.5",
        "jsonschema~=4.25",
        "openapi-spec-validator~=0.9.0",
        "playwright>=1.50,<2",
        "schemathesis~=4.32.5",
        "ruff~=0.17.6",
        "mypy~=2.4",
        "types-requests",
        "types-PyYAML",
        "types-psutil",
    ],
    "bench": ["matplotlib~=3.10"],
    "docs": ["mkdocs==1.6.1", "mkdocs-material==9.8.2"],
}

setup(
    name="tandem-train",
    version=read_version(),
    description="Train one neural network across the devices you own, over REST on Ray",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=[
        "actors",
        "actors.channels",
        "actors.copies",
        "actors.core",
        "actors.core.architectures",
        "actors.core.asking",
        "actors.core.evaluation",
        "actors.core.feeding",
        "actors.core.model",
        "actors.core.model.kinds",
        "actors.core.model.libraries",
        "actors.core.progress",
        "actors.core.recipe",
        "actors.core.recipe.lr_schedules",
        "actors.core.recipe.optimizers",
        "actors.core.rows",
        "actors.core.schedule",
        "actors.core.sources",
        "actors.core.sources.kinds",
        "actors.core.sources.readers",
        "actors.core.sources.transforms",
        "actors.core.sources.transforms.kinds",
        "actors.core.stages",
        "actors.core.tasks",
        "actors.core.tasks.kinds",
        "actors.core.tracing",
        "actors.feeding",
        "actors.host",
        "actors.loop",
        "actors.probing",
        "http_gateway",
        "http_gateway.access",
        "http_gateway.calls",
        "http_gateway.cli",
        "http_gateway.cli.cluster",
        "http_gateway.cli.data",
        "http_gateway.cli.jobs",
        "http_gateway.cli.runs",
        "http_gateway.cli.showing",
        "http_gateway.live",
        "http_gateway.operations",
        "http_gateway.operations.table",
        "http_gateway.page",
        "http_gateway.process",
        "http_gateway.prometheus",
        "http_gateway.schemas",
        "http_gateway.server",
        "orchestrator",
        "orchestrator.checkpoints",
        "orchestrator.cluster",
        "orchestrator.connection",
        "orchestrator.data",
        "orchestrator.devices",
        "orchestrator.doctor",
        "orchestrator.exports",
        "orchestrator.files",
        "orchestrator.followers",
        "orchestrator.jobs",
        "orchestrator.jobs.figures",
        "orchestrator.manager",
        "orchestrator.models",
        "orchestrator.observing",
        "orchestrator.planning",
        "orchestrator.proof",
        "orchestrator.sessions",
        "orchestrator.sessions.measuring",
        "orchestrator.sessions.members",
        "orchestrator.sessions.recovery",
        "orchestrator.sessions.starting",
        "orchestrator.store",
        "orchestrator.store.log",
        "orchestrator.store.migrations",
        "orchestrator.store.migrations.versions",
        "orchestrator.store.requests",
        "orchestrator.uploads",
    ],
    package_data={
        "actors": ["py.typed"],
        "http_gateway": ["py.typed", "*.pyi"],
        "http_gateway.page": ["static/*.*", "static/*/*", "static/*/*/*"],
        "orchestrator": ["py.typed"],
    },
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tandem = http_gateway.cli.start:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
