"""Trained models of several kinds, and what Tandem predicts with them, for tests of exports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from actors.core.model.blocks import build_blocks
from orchestrator.exports.training_record import training_record
from orchestrator.jobs.job_spec import JobSpec
from orchestrator.models.model_io import trained_model
from orchestrator.models.trained_model import TrainedModel
from tests.support.models import CNN_LAYERS
from tests.support.sources import job_spec

TEXT = "to be, or not to be, that is the question. " * 20
IMAGES = {"name": "synthetic", "inputs": [3, 16, 16], "dtype": "uint8", "classes": 4}
SMALL = {"num_train": 256, "num_val": 16}
VIT = {"patch_size": 2, "embed_dim": 16, "depth": 2, "num_heads": 2, "dropout": 0.1}
GPT = {"embed_dim": 16, "depth": 1, "num_heads": 2}
SEQUENCE = [
    {"type": "Flatten", "start_dim": 1, "end_dim": 2},
    {"type": "Unflatten", "dim": 1, "unflattened_size": [2, 4]},
    {"type": "Flatten", "start_dim": 1, "end_dim": 2},
    {"type": "MultiheadSelfAttention", "num_heads": 2, "causal": True},
    {"type": "Residual", "layers": [{"type": "RMSNorm"}, {"type": "Linear", "out_features": 8}]},
    {"type": "Sequential", "layers": [{"type": "SiLU"}, {"type": "Softmax"}]},
    {"type": "SequencePool", "pooling": "last"},
    {"type": "Linear", "out_features": 10},
]
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mlp": ({"layer_sizes": [64, 32, 10]}, {"name": "digits"}),
    "layers": ({"layers": CNN_LAYERS}, {"name": "digits"}),
    "sequence": ({"layers": SEQUENCE}, {"name": "digits"}),
    "vit": ({"architecture": "vit", "config": VIT}, {"name": "digits"}),
    "gpt": (
        {"architecture": "gpt", "config": GPT},
        {"format": "text", "path": "text.txt", "context": 8},
    ),
    "torchvision": ({"architecture": "torchvision/resnet18"}, {**IMAGES, **SMALL}),
    "transforms": (
        {"architecture": "cnn", "config": {"channels": [4], "hidden": None}},
        {
            "name": "digits",
            "channels": 3,
            "transform": [
                {"type": "Resize", "size": [11, 12]},
                {"type": "RandomHorizontalFlip"},
                {"type": "RandomCrop", "size": 10, "padding": 1, "fill": 7},
                {"type": "CenterCrop", "size": 8},
            ],
        },
    ),
    "columns": ({"layer_sizes": [30, 8, 2]}, {"name": "breast_cancer"}),
    "numbers": ({"layer_sizes": [10, 8, 1]}, {"name": "diabetes"}),
}


@dataclass(frozen=True)
class Trained:
    """A model with other statistics than it began with, its job, and some samples."""

    spec: JobSpec
    model: TrainedModel
    rows: np.ndarray[Any, Any]

    @property
    def record(self) -> dict[str, Any]:
        """As of a job that was created, and of a checkpoint."""
        details = {"job_id": "7", "task": {"type": self.spec.task.kind}, "layers": {"1": [0, 1]}}
        checkpoint = {
            "checkpoint_id": "step-000000000002",
            "created_at": "2026-01-02T03:04:05+00:00",
            "epoch": 2,
            "step": 46,
            "versions": {"tandem": "9.8.7", "torch": "4.5.6"},
        }
        history = [
            {"epoch": n, "session": 1, "train_loss": 1 / n, "val_loss": 2 / n, "samples_per_s": 9.5}
            for n in (1, 2, 3)
        ]
        return training_record({**details, "history": history}, self.spec, checkpoint, 2)


def trained(name: str, folder: Path, seed: int = 3) -> Trained:
    """One of ``CASES``; its data may lie in the folder."""
    (folder / "text.txt").write_text(TEXT)
    config, data = CASES[name]
    spec = job_spec({**config, "seed": seed}, data, folder)
    plain = build_blocks(spec.model, 0, spec.num_blocks)
    generator = torch.Generator().manual_seed(seed)
    for key, tensor in plain.state_dict().items():
        if key.endswith("running_mean"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / 10)
    return Trained(spec, trained_model(spec, dict(plain.state_dict())), _rows(spec, seed))


def _rows(spec: JobSpec, seed: int) -> np.ndarray[Any, Any]:
    """float32 ``[5, numbers]``, as a prediction is given them."""
    form, rng = spec.data.input_form, np.random.default_rng(seed)
    size = (5, form.num_features)
    if form.num_tokens is not None:
        return rng.integers(0, form.num_tokens, size).astype(np.float32)
    if form.is_pixels:
        return rng.integers(0, 256, size).astype(np.float32)
    return rng.standard_normal(size).astype(np.float32) * 3


WITHOUT_TANDEM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("actors", "orchestrator", "http_gateway", "ray"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
"""
PREDICT_ALL = """
import runpy
import numpy as np

for folder in sys.argv[1:]:
    own = runpy.run_path(folder + "/load.py")
    answers = own["predict"](own["load"](), np.load(folder + "/samples.npy"))
    np.savez(folder + "/answers.npz", **answers)
"""


def run_without_tandem(code: str, *arguments: str | Path) -> str:
    """Python in a process that can't import Tandem, on one thread; its output."""
    command = [sys.executable, "-I", "-c", WITHOUT_TANDEM + code, *map(str, arguments)]
    env = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
