"""The command line of a run, shared by ``hotloop bench`` and ``python -m hotloop.bench``."""

from __future__ import annotations

import argparse

from hotloop.bench.libraries import PEERS
from hotloop.bench.session import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What both commands take."""
    parser.add_argument(
        "families", nargs="*", metavar="family", help="families of rows to run; all where none is named"
    )
    parser.add_argument(
        "--filter", default="", metavar="RE", help="only rows whose name this expression matches"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the results as JSON")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument(
        "--quick", action="store_const", const="quick", dest="tier", help="few rows, within a minute"
    )
    effort.add_argument(
        "--full", action="store_const", const="full", dest="tier", help="every row, and longer each"
    )
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="threads of every library (1)"
    )
    parser.add_argument(
        "--peers",
        default=",".join(PEERS),
        metavar="LIST",
        help="libraries to measure beside, of torch,numpy,jax",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where hotloop runs (cpu)")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a count of threads is at least 1")
    return int(text)


def options_of(args: argparse.Namespace) -> Options:
    """The run that was asked for."""
    peers = tuple(name for name in args.peers.split(",") if name)
    return Options(tuple(args.families), args.filter, args.tier or "standard", args.threads, peers, args.json)
