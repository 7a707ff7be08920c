"""``hotloop bench``: hotloop beside the libraries installed here, and two runs beside each other.

Exit codes: 0, all is right; 1, a row is wrong or impossible, or slower in a comparison; 2, the command line; 3, the
host is too noisy for its times to be trusted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from hotloop.bench import arguments
from hotloop.bench.__main__ import list_rows
from hotloop.bench.compare import THRESHOLD, compare, exit_code, table
from hotloop.bench.document import read
from hotloop.bench.families import FAMILIES
from hotloop.bench.libraries import environment

EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, and those of ``bench compare OLD NEW``."""
    parser.description = (
        f"Families: {', '.join(FAMILIES)}. Or: hotloop bench compare OLD.json NEW.json, which exits with 1 "
        "where a row is slower beyond the noise."
    )
    arguments.add_arguments(parser)
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="SHARE",
        help=f"compare: how much slower is slower ({THRESHOLD})",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; its exit code."""
    try:
        if args.families[:1] == ["compare"]:
            return _compare(args.families[1:], args.threshold)
        options = arguments.options_of(args)
        if args.list:
            list_rows(options)
            return 0
    except (ValueError, OSError) as error:
        print(f"hotloop bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    # A process of its own: the peers read their thread counts from the environment when they are imported.
    command = [sys.executable, "-m", "hotloop.bench", *arguments.command_line(options)]
    return subprocess.run(command, env=environment(options.threads), check=False).returncode


def _compare(paths: list[str], threshold: float) -> int:
    if len(paths) != 2:
        raise ValueError(f"compare: {len(paths)} files given; two are wanted, the old and the new")
    changes = compare(read(paths[0]), read(paths[1]), threshold)
    print(table(changes))
    return exit_code(changes)
