"""The command line: its commands with their options, and how errors are told."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.config.files import given_path

EPILOG = """\
examples:
  jaxemb list
  jaxemb run pooling_and_attention
  jaxemb run pooling_and_attention train.loss.temperature=0.02 --seeds 2
  jaxemb sweep pooling_and_attention mask=causal,bidirectional pooling=mean,last_token
  jaxemb encode runs/.../seed-0 texts.txt --out vectors.npy
  jaxemb export runs/.../seed-0 for-others

An override is key=value. The key is the end of a field's path, as `jaxemb show NAME --fields` lists
them; the value is a Python literal or a part, such as latent_over_tokens(latents=8), as
`jaxemb parts pooling` lists them.
"""

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

Option = tuple[str, dict[str, Any]]


def _option(name: str, text: str, metavar: str | None = None, **settings: Any) -> Option:
    """An option with a value, or a positional argument; `metavar` is what help calls the value."""
    return name, {"help": text} | ({"metavar": metavar} if metavar else {}) | settings


def _flag(name: str, text: str) -> Option:
    return name, {"help": text, "action": "store_true"}


_NAME = _option("name", "an experiment's name", "NAME")
_MODEL = _option(
    "model",
    "a run's or a model's folder, or a name such as all-MiniLM-L6-v2",
    "MODEL",
    type=given_path,
)
_EXPERIMENTS = _option(
    "--experiments", "another folder (or file) of experiments; may be repeated", "DIR",
    action="append", default=[],
)  # fmt: skip
_SCALE = _option(
    "--scale", "smoke (toy size), small (the default, for two cores), medium (one GPU), or paper (the "
    "paper's own sizes); the last two only where the experiment has them", default="small",
)  # fmt: skip
_JSON = _flag("--json", "as JSON")
_RUNS = _option(
    "--runs", "where runs go (default: runs)", "DIR", type=given_path, default=Path("runs")
)
_RUNNING = (
    _option("--seeds", "seeds 0 to N-1", "N", type=int),
    _flag("--dry-run", "show the arms, run nothing"),
    _RUNS,
    _option("--jobs", "worker processes (default: one per core)", "N", type=int),
    _flag("--again", "run finished seeds again"),
    _flag("--cluster", "one of several processes that SLURM, a TPU pod or Open MPI started: they make "
          "one run together"),
    _option("--coordinator", "the same without a cluster: the address of process 0", "HOST:PORT"),
    _option("--processes", "how many processes make the run", "N", type=int),
    _option("--process-id", "the number of this one, from 0", "I", type=int),
    _option(
        "--log",
        "log training curves there too: tensor_board or weights_and_biases(project='...'); "
        "may be repeated",
        "LOGGER",
        action="append",
        default=[],
    ),
)  # fmt: skip


def _overrides(form: str = "key=value") -> Option:
    return _option("overrides", "overrides of the recipe", form, nargs="*")


COMMANDS: dict[str, tuple[str, tuple[Option, ...]]] = {
    "list": ("list the experiments", (_JSON,)),
    "parts": (
        "list what can be chosen: the slots, or the parts of one",
        (_option("slot", "such as pooling, loss or claim", "SLOT", nargs="?"), _JSON),
    ),
    "show": (
        "show an experiment: base, arms, claims, what it takes",
        (_NAME, _overrides(), _SCALE, _flag("--fields", "list every field")),
    ),
    "run": (
        "run an experiment's arms, judge its claims, write a report",
        (
            _NAME, _overrides(), _SCALE, *_RUNNING,
            _option("--arms", "only these arms (default: all)", "A,B"),
            _flag("--record", "keep the record beside the experiment"),
        ),
    ),
    "sweep": (
        "run every combination of values over an experiment's base",
        (
            _NAME, _overrides("key=a,b"), _SCALE, *_RUNNING,
            _option("--arms", "run the experiment's own arms too, or these of them", "A,B",
                    nargs="?", const=""),
            _option("--slurm", "write an sbatch script instead", "FILE", type=given_path),
            _option("--submit", "submit the arms as a SLURM array instead, by submitit; DIR takes what "
                    "the jobs print", "DIR", type=given_path),
            _option("--submit-option", "for submitit, such as slurm_partition=gpu, timeout_min=60 or "
                    "cluster=local; may be repeated", "KEY=VALUE", action="append", default=[]),
        ),
    ),
    "eval": (
        "score a model on the tasks of its run, or on others",
        (
            _MODEL,
            _option("--suite", "pydocs, pydocs-packages, shared, shared-quick, tfds:NAME, or a folder "
                    "or table", "NAME"),
            _option("--families", "only sets of these families", "A,B"),
            _option("--tasks", "only tasks of these names", "A,B"),
            _option("--data", "the folder of the suite's sets", "DIR", type=given_path),
            _option("--max-tokens", "cut longer texts here", "N", type=int),
            _option("--contamination", "also look for the texts RUN was trained on", "RUN",
                    type=given_path),
            _flag("--no-store", "neither read nor keep vectors on disk"),
            _option("--out", "where results go (default, for suites: runs/eval/...)", "DIR",
                    type=given_path),
            _JSON,
        ),
    ),
    "compare": (
        "compare runs, or arms over their seeds, with the first",
        (
            _option("runs", "a run's folder, an arm's, or results of `jaxemb eval`", "RUN",
                    type=given_path, nargs="+"),
            _option("--metrics", "only these metrics, or tasks", "A,B"),
            _option("--allow", "settings that may differ, such as prompt or max_length", "A,B"),
            _JSON,
        ),
    ),
    "report": (
        "write the report of an experiment that was run",
        (
            _option("name", "an experiment's name, or a record's file", "NAME"), _SCALE,
            _RUNS, _option("--out", "default: beside the record", "DIR", type=given_path),
        ),
    ),
    "encode": (
        "embed the lines of a file or of standard input",
        (
            _MODEL,
            _option("texts", "default: standard input", "FILE", nargs="?", default="-"),
            _option("--out", "FILE.npy or FILE.jsonl; default: jsonl, printed", "FILE"),
            _option("--dim", "keep this many dimensions", type=int),
            _option("--layers", "run only this many layers", type=int),
            _option("--batch-size", "texts at once (default: by their length)", type=int),
            _option("--prompt", "a prefix for every text"),
            _option("--role", "document (default), query, or of a task: sts/query", default="document"),
        ),
    ),
    "export": (
        "write a model for others: a sentence-transformers folder, or one function of StableHLO",
        (
            _MODEL,
            _option("folder", "where it is written; there must be nothing yet", "FOLDER",
                    type=given_path),
            _option("--to", "sentence-transformers (the default) or stablehlo", "FORM",
                    choices=("sentence-transformers", "stablehlo"), default="sentence-transformers"),
            _option("--shapes", "of stablehlo: texts and tokens of its calls, such as 1x32,16x128 "
                    "(default: any)", "NxT"),
            _option("--platforms", "of stablehlo: cpu, cuda, rocm, tpu (default: this one's)", "A,B"),
        ),
    ),
    "plan": (
        "price an experiment: parameters, FLOPs, bytes per device",
        (
            _NAME, _overrides(), _SCALE,
            _option("--devices", "default: 1", "N", type=int, default=1), _JSON,
            _flag("--compile", "compile each arm's step for this machine, and tell its memory too"),
        ),
    ),
    "papers": (
        "list the papers with experiment, scale, date, verdict and claims",
        (_JSON, _flag("--markdown", "as a Markdown table")),
    ),
    "cache": (
        "list the vectors that evaluation keeps on disk",
        (
            _option("--clear", "remove them, or those of one model (by the start of its name or its "
                    "weights' hash)", "MODEL", nargs="?", const=""),
        ),
    ),
}  # fmt: skip


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
    for name, (text, options) in COMMANDS.items():
        described = f"{text[0].upper()}{text[1:]}."
        added = commands.add_parser(name, help=text, description=described)
        for option, settings in (_EXPERIMENTS, *options):
            added.add_argument(option, **settings)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0: done. 1: done, but arms failed. 2: bad input, told in one line. 130: interrupted. 3: another
    process of the same run has ended (see `jaxemb.runtime.processes`).
    """
    _open_streams()
    options = _parsed(parser(), argv)
    if options.command is None:
        return _without_command(options.version)
    from jaxemb.cli import commands
    from jaxemb.config import find_parts_by
    from jaxemb.study.registry import PartsOfExperiments

    try:
        with find_parts_by(PartsOfExperiments(options.experiments)):
            code = commands.COMMANDS[options.command](options)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (AssertionError, RuntimeError) as error:
        if not _lacks_device():
            raise
        print(f"error: {_no_device(error)}", file=sys.stderr)
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


def _open_streams() -> None:
    """A standard stream that was closed takes what is printed and loses it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _lacks_device() -> bool:
    """Whether the platforms that the environment names have no device here."""
    import jax

    try:
        jax.devices()
    except (AssertionError, RuntimeError):
        return bool(os.environ.get("JAX_PLATFORMS"))
    return False


def _no_device(error: Exception) -> str:
    named = os.environ["JAX_PLATFORMS"]
    reason = str(error).splitlines()[0] if str(error) else "JAX cannot start it"
    return f"there is no device for JAX_PLATFORMS={named}: {reason}; unset it, or name another."


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
