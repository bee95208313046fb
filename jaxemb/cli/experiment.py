"""The experiment that a command names, and how it is to be run."""

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxemb.config import UsageError
from jaxemb.study import registry
from jaxemb.study.arms import Arm

if TYPE_CHECKING:
    from jaxemb.study.execution import Named, Options


def load(options: argparse.Namespace) -> tuple[registry.Entry, "Named"]:
    """The experiment of the name that was typed: what its file says, and itself.

    Raises:
        UsageError: there is none of that name, or its file cannot be imported.
    """
    entry = registry.discover(options.experiments).get(options.name)
    from jaxemb.study.execution import Named

    experiment = entry.load()
    return entry, Named(
        name=entry.name,
        file=str(entry.path),
        papers=entry.papers,
        experiment=experiment,
        title=entry.summary,
    )


def arm_names(typed: str | None, arms: Sequence[Arm]) -> tuple[str, ...]:
    """The arms of `--arms a,b`. An arm's own name may hold commas: the longest name that fits counts.

    Raises:
        UsageError: a word is no arm's name.
    """
    words, known, found = (typed or "").split(","), {arm.name for arm in arms}, []
    while typed and words:
        ends = (n for n in range(len(words), 0, -1) if ",".join(words[:n]) in known)
        end = next(ends, 1)  # `Experiment.of` tells that there is no such arm
        found.append(",".join(words[:end]))
        words = words[end:]
    return tuple(found)


def run_options(
    options: argparse.Namespace,
    overrides: tuple[tuple[str, str], ...],
    arms: tuple[str, ...] = (),
) -> "Options":
    """How an experiment is to be run, as the command line says."""
    from jaxemb.config.overrides import parse
    from jaxemb.study.execution import Options
    from jaxemb.study.loggers import Logger

    if getattr(options, "jobs", None) is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs} must be at least 1.")
    given = {
        key: getattr(options, key) for key in ("seeds", "runs", "jobs", "again") if key in options
    }
    named = getattr(options, "arms", None)
    beyond = [*options.overrides, *([f"arms={named}"] if named else [])]
    return Options(
        scale=options.scale,
        arms=arms,
        overrides=overrides,
        variant=",".join(beyond),
        command=command_again(options),
        logs=tuple(parse(text, Logger, "--log") for text in getattr(options, "log", [])),
        **given,
    )


def command_again(options: argparse.Namespace) -> str:
    """The command that gives the same numbers, without what only says where and how fast."""
    words = ["jaxemb", options.command, options.name, *options.overrides]
    for place in options.experiments:
        words += ["--experiments", place]
    words += ["--scale", options.scale] if options.scale != "small" else []
    words += ["--seeds", str(options.seeds)] if getattr(options, "seeds", None) else []
    arms = getattr(options, "arms", None)
    words += [] if arms is None else ["--arms", arms] if arms else ["--arms"]
    return shlex.join(words)
