"""``python -m http_gateway``: the same as ``tandem serve``."""

import sys

from http_gateway.cli.main import app

if __name__ == "__main__":
    app(["serve", *sys.argv[1:]])
