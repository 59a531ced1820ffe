"""``python -m http_gateway``: the same as ``tandem serve``."""

import typer

from http_gateway.cli.main import serve

if __name__ == "__main__":
    typer.run(serve)
