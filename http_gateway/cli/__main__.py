"""``python -m http_gateway.cli``: the ``tandem`` command where no script of that name is."""

from http_gateway.cli.start import main

if __name__ == "__main__":
    main()
