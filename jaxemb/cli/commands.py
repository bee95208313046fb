"""The commands by name, and how each goes on after it was interrupted."""

import argparse

from jaxemb.cli.listing import list_experiments, papers, parts
from jaxemb.cli.models import cache, encode, evaluate, export
from jaxemb.cli.results import compare, report
from jaxemb.cli.running import run, run_sweep
from jaxemb.cli.showing import plan, show


def how_to_go_on(options: argparse.Namespace) -> str:
    """What to do after Ctrl-C."""
    if options.command in ("run", "sweep"):
        return "finished seeds are kept, and the same command goes on where this one stopped."
    return "nothing was lost, and the same command starts again."


COMMANDS = {
    "list": list_experiments, "parts": parts, "show": show, "run": run, "sweep": run_sweep,
    "eval": evaluate, "compare": compare, "report": report, "encode": encode, "export": export,
    "plan": plan, "papers": papers, "cache": cache,
}  # fmt: skip
