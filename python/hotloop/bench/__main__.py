"""Measures in this process: what ``hotloop bench`` starts in an environment of its own."""

from __future__ import annotations

import argparse
import sys

from hotloop.bench import gpu
from hotloop.bench.arguments import add_arguments, options_of
from hotloop.bench.runner import select
from hotloop.bench.session import Options, run


def list_rows(options: Options) -> None:
    """Prints the name and the reason of every row of this run."""
    chosen = gpu.select if options.device == "cuda" else select
    for case in chosen(options.families, options.pattern, options.tier):
        print(f"{case.name:60} {case.reason}")


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hotloop.bench", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    try:
        if args.list:
            list_rows(options_of(args))
            return 0
        options = options_of(args)
        return (gpu.run if options.device == "cuda" else run)(options)[1]
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
