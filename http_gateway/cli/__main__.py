"""``python -m http_gateway.cli``: the ``tandem`` command where no script of that name is."""

from http_gateway.cli.main import app

if __name__ == "__main__":
    app()
