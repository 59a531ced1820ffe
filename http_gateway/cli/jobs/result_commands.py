"""The command lines of what a trained job gives."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from http_gateway.cli.options import AsJson, Job, Url


class SplitChoice(str, Enum):
    """Which samples of a data set."""

    validation = "validation"
    training = "training"
    all = "all"


def predict(
    job: Job,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="images, or tables as .csv, .jsonl or .parquet; - is what comes from stdin",
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="what a text begins with; may be repeated")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="with --text: how many tokens follow (default: 100)")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="with --text: 0 takes the most probable (default: 1)")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="with --text: draw from so many (default: all)")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="with --text: the same seed, the same text (default: 0)")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="how a csv is written, such as delimiter=; (default: as the job's own)",
        ),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Ask a trained model about images, rows of a table, or a text.

    A table has the columns that the training had, and may have others. It is read as the job's own.
    """
    from http_gateway.cli.jobs.predict_command import run_predict

    sampling = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "seed": seed,
    }
    run_predict(job, files or [], text or [], sampling, fields or [], url, as_json)


def evaluate(
    job: Job,
    path: Annotated[
        str | None,
        typer.Option(
            help="other data: the name of a data set, or files in one of the gateway's data_roots "
            "(default: what the job validates with)"
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", help="such as image_folder or csv (default: by the ending)"),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--set", help="a field of dataset_config, such as target=y; repeatable"),
    ] = None,
    split: Annotated[
        SplitChoice | None, typer.Option(help="which samples (default: validation; of --path all)")
    ] = None,
    num_worst: Annotated[
        int | None, typer.Option("--worst", help="how many of the worst samples (default: 20)")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what a trained model gets right and wrong.

    It tells the metrics, each class, which classes are confused, and the worst samples.
    """
    from http_gateway.cli.jobs.evaluate_command import run_evaluate

    options = {"split": None if split is None else split.value, "num_worst": num_worst}
    run_evaluate(job, path, kind, fields or [], options, url, as_json)
