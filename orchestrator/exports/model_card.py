"""The card of a trained model: one page for people, as model hubs show it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_ROWS = 30
MAX_NAMES = 100
_FRONT = """---
license: # yours to fill in, such as apache-2.0
library_name: pytorch
tags: [tandem]
---
"""
_USE = """## Use

```shell
pip install torch safetensors numpy
python load.py samples.npy
```

`load.py` has the network and what is done with a sample before it, in plain PyTorch. `model.json`
has the facts of this page for programs.

## Intended use, limits

Yours to fill in: what the model is for, and what it must not be used for.
"""


def title(record: Mapping[str, Any]) -> str:
    """The model in a few words."""
    config = record["model_config"]
    what = config.get("architecture") or config.get("layer_sizes")
    shown = what or f"{len(record['model']['layers'])} layers"
    return f"Job {record['job_id']}: {shown} on {record['data']['name']}"


def model_card(record: Mapping[str, Any]) -> str:
    """Markdown, of what ``training_record`` made."""
    parts = [
        f"# {_cell(title(record))}",
        _table(("", ""), list(_facts(record))),
        "## Results",
        _results(record["history"]),
        "## Training",
        "The recipe, with every default:",
        _code(record["train_config"]),
        f"The data set's configuration:\n\n{_code(record['data']['dataset_config'])}",
        "## Network",
        _code(record["model_config"]),
        _USE.rstrip(),
    ]
    return _FRONT + "\n" + "\n\n".join(parts) + "\n"


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    data, plan, checkpoint = record["data"], record["plan"], record["checkpoint"] or {}
    yield "task", record["task"]["type"]
    yield "parameters", f"{record['num_parameters']:,}"
    known = f", fingerprint `{data['fingerprint']}`" if "fingerprint" in data else ""
    yield (
        "data",
        f"{_cell(data['name'])}: {data['num_train']:,} training and {data['num_val']:,} "
        f"validation samples{known}",
    )
    if data["class_names"]:
        yield "classes", _names(data["class_names"])
    elif data["num_classes"] is not None:
        yield "classes", f"{data['num_classes']:,}"
    if data["columns"]:
        yield "columns", _names(data["columns"])
    yield "devices", f"{len(plan['layers'])}, with the layers {_ranges(plan['layers'])}"
    if "schedule" in plan:
        threads = ", ".join(str(n) for n in plan["threads"].values())
        yield "pipeline", f"{plan['schedule']}, {plan['num_microbatches']} microbatches a step"
        yield "threads", threads or "as each device has"
        yield "bits given up", "; ".join(map(_cell, plan["differences"])) or "none"
    if checkpoint:
        yield "weights", f"{checkpoint['checkpoint_id']}, after {checkpoint['step']:,} steps"
        yield "date", checkpoint["created_at"]
        versions = checkpoint["versions"].items()
        yield "versions", ", ".join(f"{_cell(name)} {_cell(v)}" for name, v in versions)


def _results(history: Sequence[Mapping[str, Any]]) -> str:
    if not history:
        return "No epoch ended before these weights: nothing was validated."
    names = [name for name in history[-1] if name not in ("session", "samples_per_s")]
    rows = [tuple(_number(epoch.get(name)) for name in names) for epoch in _spread(history)]
    shown = _table([name.replace("_", " ") for name in names], rows)
    if len(history) <= MAX_ROWS:
        return shown
    return f"{shown}\n\n{MAX_ROWS} of {len(history):,} epochs; `model.json` has more."


def _spread(history: Sequence[Any]) -> list[Any]:
    """The first, the last, and some between."""
    if len(history) <= MAX_ROWS:
        return list(history)
    last = len(history) - 1
    return [history[round(i * last / (MAX_ROWS - 1))] for i in range(MAX_ROWS)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(map(_cell, names[:MAX_NAMES]))
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES:,} more"


def _ranges(layers: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"[{start}, {end})" for start, end in layers.values()) or "not known"


def _number(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _code(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return f"```json\n{text.replace('```', '` ` `')}\n```"


def _cell(text: Any) -> str:
    """Fit for one cell of a table, whatever a user has put into a name."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
