"""The ``hotloop`` command. A subcommand's module is imported only when it is chosen."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

# name -> (module with add_arguments(parser) and run(args) -> exit code, what it does)
COMMANDS = {
    "train": ("hotloop.cli.train", "train a model on data that comes with hotloop"),
    "predict": ("hotloop.cli.predict", "classify held-out data with a model that was trained"),
    "bench": ("hotloop.cli.bench", "measure hotloop and the libraries installed beside it"),
    "info": ("hotloop.cli.info", "say what hotloop found on this machine and how it was built"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = arguments[0] if arguments and arguments[0] in COMMANDS else None
    parser = argparse.ArgumentParser(prog="hotloop", description="Deep learning with every hot loop written by hand.")
    parser.add_argument("--version", action="version", version=f"hotloop {_version()}")
    subparsers = parser.add_subparsers(metavar="command", required=True)
    run = None
    for name, (module_name, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            module = importlib.import_module(module_name)
            module.add_arguments(subparser)
            run = module.run
    args = parser.parse_args(arguments)
    assert run is not None  # the parser has exited where no command was given
    try:
        return int(run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else flushing at exit fails once more
        return 141


def _version() -> str:
    from hotloop import __version__

    return __version__
