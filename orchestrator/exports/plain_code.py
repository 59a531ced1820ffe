"""A trained model as a script in plain PyTorch, which predicts without Tandem."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from actors.core.model.blocks import plain_models
from actors.core.model.model_spec import LayerSpec, ModelSpec
from actors.core.model.registry import PLAIN_MODELS, make_layer
from actors.core.sources.transforms.registry import TRANSFORMS
from actors.core.tasks.registry import TASKS
from orchestrator.exports.source_code import SourceCode
from orchestrator.models.model_config import model_of_json
from orchestrator.models.trained_model import ModelFacts

WEIGHTS_FILE = "model.safetensors"
MAX_CALL = 80
_SCRIPT = '''"""{title}

    python load.py samples.npy

prints the answers for an array of samples, each as the data has it:
{sample}.
From Python: predict(load(), samples).

It needs {needs}, and not Tandem.
"""

from __future__ import annotations

{imports}

WEIGHTS = Path(__file__).with_name("{weights}")
SHAPE = {shape}
BLOCK_ROWS = {block_rows}  # predicted at a time
{constants}

{definitions}


def build() -> nn.Module:
    """The network as PyTorch draws it."""
    return {network}


def load() -> nn.Module:
    """The trained network, ready to predict."""
    model = build()
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval()


def prepare(samples: np.ndarray) -> torch.Tensor:
    """What the network takes: samples as they were prepared for validation."""
{preparing}
    return inputs.view(-1, {given})


def predict(model: nn.Module, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Tandem's answers: the same bits, on the same machine with one thread."""
    starts, parts = range(0, len(samples), BLOCK_ROWS), []
    with torch.no_grad():
        for start in starts:
            parts.append({predictions}(model(prepare(samples[start : start + BLOCK_ROWS]))))
    return {{name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answers = {{n: a.tolist() for n, a in predict(load(), np.load(sys.argv[1])).items()}}
    if CLASS_NAMES and "classes" in answers:
        answers["class_names"] = list(CLASS_NAMES)
    print(json.dumps(answers))
'''
_IMPORTS = (
    "import json",
    "import sys",
    "from pathlib import Path",
    "import numpy as np",
    "import torch",
    "from safetensors.torch import load_file",
    "from torch import nn",
)


def load_script(facts: ModelFacts, title: str, class_names: Sequence[str] = ()) -> str:
    """Python whose ``build``, ``load``, ``prepare`` and ``predict`` do what Tandem does with the
    model. Raises ``InvalidRequest`` where a part of it can't be written so."""
    code = SourceCode()
    network = _network(model_of_json(facts.model, facts.shape), code)
    transforms = _transforms(facts, code)
    predictions = code.add(TASKS[facts.task].predictions)
    imports = {*_IMPORTS, *code.imports}
    by_torchvision = any("torchvision" in text for text in (*imports, *code.texts))
    others = ", torchvision" if by_torchvision else ""
    return _SCRIPT.format(
        title=_one_line(title),
        sample=_sample(facts),
        needs=f"torch{others}, safetensors and numpy",
        imports="\n".join(_ordered(imports)),
        weights=WEIGHTS_FILE,
        shape=facts.inputs.shape,
        block_rows=facts.block_rows,
        constants="\n".join(_constants(facts, class_names)),
        definitions="\n\n\n".join([*code.texts, *transforms]),
        network=textwrap.indent(network, "    ").lstrip(),
        preparing=textwrap.indent("\n".join(_preparing(facts, bool(transforms))), "    "),
        given=", ".join(map(str, facts.shape)),
        predictions=predictions,
    )


def _network(model: ModelSpec, code: SourceCode) -> str:
    """The expression that makes the plain model."""
    if plain_models(model) is not None:
        first = model.layers[0]
        construct = PLAIN_MODELS[first.kind].construct
        return _call(code.add(construct), _arguments(construct, first.keywords))
    return _call(f"{code.add(nn.Sequential)}", [_layer(spec, code) for spec in model.layers])


def _layer(spec: LayerSpec, code: SourceCode) -> str:
    with torch.device("meta"):
        made: Any = type(make_layer(spec))
    inside = [_layer(inner, code) for inner in spec.layers]
    return _call(code.add(made), [*inside, *_arguments(made, spec.keywords)])


def _arguments(made: Any, keywords: dict[str, Any]) -> list[str]:
    """Those that it names: not how its weights are drawn, where something else draws them, nor
    which part of a library's model it is."""
    named = inspect.signature(made).parameters
    return [f"{name}={value!r}" for name, value in keywords.items() if name in named]


def _call(name: str, given: Sequence[str]) -> str:
    """The call on one line, if it fits there and has no layers inside."""
    one = f"{name}({', '.join(given)})"
    if len(one) <= MAX_CALL and "(" not in one.partition("(")[2].replace("=(", "="):
        return one
    lines = textwrap.indent(",\n".join(given), "    ")
    return f"{name}(\n{lines},\n)"


def _transforms(facts: ModelFacts, code: SourceCode) -> list[str]:
    """The function that applies the transforms of validation; empty if there are none."""
    if not facts.transforms:
        return []
    lines = [
        f"    image = {code.add(TRANSFORMS[own.kind].apply)}(image, {own.keywords!r}, ())"
        for own in facts.transforms
    ]
    head = [
        "def transformed(image: torch.Tensor) -> torch.Tensor:",
        '    """A uint8 image [channels, height, width] as in validation."""',
    ]
    return ["\n".join([*head, *lines, "    return image"])]


def _preparing(facts: ModelFacts, transforms: bool) -> Iterator[str]:
    dtype = "int64" if facts.dtype == "int64" else "float32"
    yield f"inputs = torch.tensor(np.asarray(samples, dtype=np.{dtype})).view(-1, *SHAPE)"
    if transforms:
        yield "images = inputs.round().to(torch.uint8)"
        yield "inputs = torch.stack([transformed(image) for image in images]).to(torch.float32)"
    if facts.mean:
        yield from _scaling(facts)
    if facts.repeated != 1:
        yield f"inputs = inputs.expand(-1, {facts.repeated}, *inputs.shape[2:]).contiguous()"


def _scaling(facts: ModelFacts) -> Iterator[str]:
    """Scales by one mean and one deviation, or by those of each channel or column."""
    if facts.unit != 1.0:
        yield f"inputs = inputs.div_({facts.unit!r})"
    if len(facts.mean) == 1:
        yield f"inputs = inputs.sub_({facts.mean[0]!r}).div_({facts.std[0]!r})"
        return
    yield "each = (1, -1) + (1,) * (inputs.ndim - 2)"
    yield "mean, std = torch.tensor(MEAN).view(each), torch.tensor(STD).view(each)"
    yield "inputs = inputs.sub_(mean).div_(std)"


def _constants(facts: ModelFacts, class_names: Sequence[str]) -> Iterator[str]:
    if len(facts.mean) > 1:
        yield f"MEAN = {facts.mean!r}"
        yield f"STD = {facts.std!r}"
    if facts.inputs.vocabulary is not None:
        yield f"VOCABULARY = {facts.inputs.vocabulary!r}  # the character of each token"
    yield f"CLASS_NAMES = {tuple(class_names)!r}"


def _sample(facts: ModelFacts) -> str:
    kind = "tokens" if facts.inputs.num_tokens is not None else "numbers"
    kind = "pixels from 0 to 255" if facts.inputs.is_pixels else kind
    return f"{kind} of the shape {list(facts.inputs.shape)}, or in one list"


def _ordered(imports: set[str]) -> list[str]:
    """Python's own imports, a blank line, the others."""
    own = {line for line in imports if line.split()[1].partition(".")[0] in sys.stdlib_module_names}
    parts = [sorted(part, key=lambda line: (line[0] == "f", line)) for part in (own, imports - own)]
    return [*parts[0], "", *parts[1]]


def _one_line(text: str) -> str:
    """Fit for a docstring, whatever is in it."""
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")
