"""The command line: list, show, run, sweep, eval, compare, report, encode, plan, papers, cache."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.config.files import given_path

EPILOG = """\
examples:
  jaxemb list
  jaxemb run pooling_and_attention
  jaxemb run pooling_and_attention mask=causal train.loss.temperature=0.02 --seeds 2
  jaxemb sweep pooling_and_attention mask=causal,bidirectional pooling=mean,last_token
  jaxemb encode runs/.../seed-0 texts.txt --out vectors.npy

An override is key=value: the key is the end of a field's path, as `jaxemb show NAME` lists them;
the value is a Python literal or a part, such as latent_over_tokens(latents=8).
"""

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
MODEL = "a run's or a model's folder, or a name such as all-MiniLM-L6-v2"


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    whole = argparse.ArgumentParser(
        prog="jaxemb",
        description="Run text-embedding research by name.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="store_true", help="print the version and exit")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    adds = (_list, _show, _run, _sweep, _eval, _compare, _report, _encode, _plan, _papers, _cache)
    for add in adds:
        add(commands)
    return whole


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    added.add_argument(
        "--experiments",
        action="append",
        default=[],
        metavar="DIR",
        help="another folder (or file) of experiments; may be repeated",
    )
    return added


def _name(added: argparse.ArgumentParser, overrides: str = "key=value") -> None:
    added.add_argument("name", metavar="NAME", help="an experiment's name")
    added.add_argument("overrides", metavar=overrides, nargs="*", help="overrides of the recipe")
    added.add_argument("--scale", default="small", help="smoke, small (default), or its own")


def _running(added: argparse.ArgumentParser) -> None:
    added.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1")
    added.add_argument("--dry-run", action="store_true", help="show the arms, run nothing")
    added.add_argument(
        "--runs", type=given_path, default=Path("runs"), metavar="DIR", help="default: runs"
    )
    added.add_argument(
        "--jobs", type=int, metavar="N", help="worker processes (default: one a core)"
    )
    added.add_argument("--again", action="store_true", help="run finished arms again")


def _list(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "list", "list the experiments")
    added.add_argument("--json", action="store_true", help="as JSON")


def _show(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "show", "show an experiment: base, arms, claims, what it takes")
    _name(added)
    added.add_argument("--fields", action="store_true", help="list every field of the base")


def _run(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "run", "run an experiment's arms, judge its claims, write a report")
    _name(added)
    _running(added)
    added.add_argument(
        "--record", action="store_true", help="keep the record beside the experiment"
    )


def _sweep(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "sweep", "run every combination of values over an experiment's base")
    _name(added, "key=a,b")
    _running(added)
    added.add_argument("--arms", action="store_true", help="run the experiment's own arms too")
    added.add_argument(
        "--slurm", type=given_path, metavar="FILE", help="write an sbatch script instead"
    )


def _eval(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "eval", "score a model on the tasks of its run, or on others")
    added.add_argument("model", metavar="MODEL", type=given_path, help=MODEL)
    added.add_argument(
        "--suite",
        metavar="NAME",
        help="pydocs, pydocs-packages, shared, shared-quick, tfds:NAME, or a folder or table",
    )
    added.add_argument("--families", metavar="A,B", help="only sets of these families")
    added.add_argument("--tasks", metavar="A,B", help="only tasks of these names")
    added.add_argument(
        "--data", metavar="DIR", type=given_path, help="the folder of the suite's sets"
    )
    added.add_argument("--max-tokens", type=int, metavar="N", help="cut longer texts here")
    added.add_argument(
        "--contamination",
        metavar="RUN",
        type=given_path,
        help="also look for the texts RUN was trained on",
    )
    added.add_argument(
        "--no-store", action="store_true", help="neither read nor keep vectors on disk"
    )
    added.add_argument(
        "--out",
        metavar="DIR",
        type=given_path,
        help="where results go; default: runs/eval/..., of suites",
    )
    added.add_argument("--json", action="store_true", help="as JSON")


def _compare(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "compare", "compare runs, or arms over their seeds, with the first")
    added.add_argument(
        "runs", metavar="RUN", type=given_path, nargs="+",
        help="a run's folder, an arm's, or results of `jaxemb eval`",
    )  # fmt: skip
    added.add_argument("--metrics", metavar="A,B", help="only these metrics, or tasks")
    added.add_argument(
        "--allow", metavar="A,B", help="settings that may differ, such as prompt or max_length"
    )
    added.add_argument("--json", action="store_true", help="as JSON")


def _report(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "report", "write the report of an experiment that was run")
    added.add_argument("name", metavar="NAME", help="an experiment's name, or a record's file")
    added.add_argument("--scale", default="small", help="smoke, small (default), or its own")
    added.add_argument(
        "--runs", type=given_path, default=Path("runs"), metavar="DIR", help="default: runs"
    )
    added.add_argument("--out", type=given_path, metavar="DIR", help="default: beside the record")


def _encode(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "encode", "embed the lines of a file or of standard input")
    added.add_argument("model", metavar="MODEL", type=given_path, help=MODEL)
    added.add_argument(
        "texts", metavar="FILE", nargs="?", default="-", help="default: standard input"
    )
    added.add_argument(
        "--out", metavar="FILE", help="FILE.npy or FILE.jsonl; default: jsonl, printed"
    )
    added.add_argument("--dim", type=int, help="keep this many dimensions")
    added.add_argument("--layers", type=int, help="run only this many layers")
    added.add_argument("--batch-size", type=int, help="texts at once (default: by their length)")
    added.add_argument("--prompt", help="a prefix for every text")
    added.add_argument(
        "--role", default="document", help="document (default), query, or of a task: sts/query"
    )


def _plan(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "plan", "price an experiment: parameters, FLOPs, bytes a device")
    _name(added)
    added.add_argument("--devices", type=int, default=1, metavar="N", help="default: 1")
    added.add_argument("--json", action="store_true", help="as JSON")


def _papers(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "papers", "list the papers with experiment, scale, date and verdict")
    form = added.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--markdown", action="store_true", help="as a Markdown table")


def _cache(commands: argparse._SubParsersAction) -> None:
    added = _command(commands, "cache", "list the vectors that evaluation keeps on disk")
    added.add_argument(
        "--clear",
        nargs="?",
        const="",
        metavar="MODEL",
        help="remove them, or those of one model (by the start of its name or its weights' hash)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0: done. 1: done, but arms failed. 2: bad input, told in one line. 130: interrupted.
    """
    options = _parsed(parser(), argv)
    if options.command is None:
        return _without_command(options.version)
    from jaxemb.cli import commands
    from jaxemb.config import find_parts_by
    from jaxemb.study.registry import PartsOfExperiments

    find_parts_by(PartsOfExperiments(options.experiments))
    try:
        code = commands.COMMANDS[options.command](options)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted; {commands.how_to_go_on(options)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone, as in `jaxemb list | head`; Python would complain again
        # when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        going_on = commands.how_to_go_on(options)
        print(f"error: {where}{os.strerror(error.errno)}; {going_on}", file=sys.stderr)
        return 2


def _parsed(whole: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The options. Overrides may also stand between and after them, which argparse refuses."""
    options, rest = whole.parse_known_args(argv)
    if rest and (not hasattr(options, "overrides") or any(text.startswith("-") for text in rest)):
        whole.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


def _without_command(version: bool) -> int:
    if version:
        from jaxemb import __version__

        print(f"jaxemb {__version__}")
    else:
        parser().print_help()
    return 0
