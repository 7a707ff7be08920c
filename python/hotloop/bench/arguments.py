"""The command line of a run, shared by ``hotloop bench`` and ``python -m hotloop.bench``."""

from __future__ import annotations

import argparse
import re

from hotloop.bench.libraries import GPU_PEERS, PEERS
from hotloop.bench.session import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What both commands take."""
    parser.add_argument("families", nargs="*", metavar="family", help="families of rows; all where none is named")
    parser.add_argument(
        "--filter", type=_expression, default="", metavar="RE", help="only rows whose name this expression matches"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the results as JSON")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_const", const="quick", dest="tier", help="few rows, within a minute")
    effort.add_argument("--full", action="store_const", const="full", dest="tier", help="every row, and longer each")
    parser.set_defaults(tier="standard")
    parser.add_argument("--threads", type=_threads, default=1, metavar="N", help="threads of every library (1)")
    parser.add_argument(
        "--peers",
        type=_peers,
        default=None,
        metavar="LIST",
        help="measure beside these of torch,numpy,jax, on a GPU of torch,cupy (all)",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where hotloop and its peers run")
    parser.add_argument("--list", action="store_true", help="name the rows of this run, each with its reason, and end")


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _threads(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a count of threads, 1 or more, is wanted")
    return int(text)


def _peers(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in (*PEERS, *GPU_PEERS):
            raise argparse.ArgumentTypeError(f"{name!r}: some of {', '.join(PEERS)}, cupy are wanted")
    return names


def options_of(args: argparse.Namespace) -> Options:
    """The run that was asked for."""
    known = GPU_PEERS if args.device == "cuda" else PEERS
    peers = known if args.peers is None else tuple(name for name in args.peers if name in known)
    return Options(tuple(args.families), args.filter, args.tier, args.threads, peers, args.json, args.device)


def command_line(options: Options) -> list[str]:
    """The arguments that ask for this run."""
    tier = [] if options.tier == "standard" else [f"--{options.tier}"]
    json_path = [] if options.json_path is None else ["--json", options.json_path]
    return [
        *options.families,
        f"--filter={options.pattern}",
        *tier,
        *json_path,
        f"--device={options.device}",
        f"--threads={options.threads}",
        f"--peers={','.join(options.peers)}",
    ]
