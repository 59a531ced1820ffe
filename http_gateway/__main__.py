"""``python -m http_gateway``: the same as ``tandem serve``."""

import sys

from http_gateway.cli.start import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
