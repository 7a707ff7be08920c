"""Measures in this process: what ``hotloop bench`` starts in an environment of its own."""

from __future__ import annotations

import argparse
import sys

from hotloop.bench.arguments import add_arguments, options_of
from hotloop.bench.session import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hotloop.bench", description=__doc__)
    add_arguments(parser)
    return run(options_of(parser.parse_args()))[1]


if __name__ == "__main__":
    sys.exit(main())
