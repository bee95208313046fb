"""The arms of a sweep as jobs of a batch system: a script for SLURM, or jobs that are submitted."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from jaxemb.config import UsageError, expression
from jaxemb.config.files import write_whole, writing_to
from jaxemb.study import registry
from jaxemb.study.slurm import slurm_script


def write_slurm(options: argparse.Namespace, entry: registry.Entry, arms: Sequence) -> int:
    """`--slurm FILE`: write an array job, one task per arm."""
    commands = _commands(options, entry, arms, "--slurm writes")
    with writing_to(options.slurm):
        write_whole(options.slurm, slurm_script(commands, name=entry.name))
    print(f"{options.slurm}: {len(arms)} tasks. Start: mkdir -p logs && sbatch {options.slurm}")
    print("When they are done, the same sweep without --slurm collects them into one report.")
    return 0


def submit_jobs(options: argparse.Namespace, entry: registry.Entry, arms: Sequence) -> int:
    """`--submit DIR`: submit one job per arm."""
    from jaxemb.study.clusters import submit

    commands = _commands(options, entry, arms, "--submit submits")
    place, settings = options.submit.resolve(), options.submit_option
    jobs = submit(commands, name=entry.name, folder=place, options=settings)
    print(
        f"{len(jobs)} jobs submitted, {jobs[0].job_id} to {jobs[-1].job_id}; they print into {place}."
    )
    print("When they are done, the same sweep without --submit collects them into one report.")
    return 0


def _commands(
    options: argparse.Namespace, entry: registry.Entry, arms: Sequence, does: str
) -> list[list[str]]:
    """A command for each arm of a sweep by itself.

    Raises:
        UsageError: the experiment's own arms were asked for too.
    """
    if options.arms is not None:
        raise UsageError(f"{does} the arms of the sweep alone; leave out --arms.")
    common = ["--scale", options.scale, "--runs", str(options.runs.resolve()), "--jobs", "1"]
    common += ["--seeds", str(options.seeds)] if options.seeds is not None else []
    common += ["--experiments", str(entry.path)] if options.experiments else []
    python = [sys.executable, "-m", "jaxemb", "sweep", entry.name]
    return [
        [*python, *(f"{key}={_typed(value)}" for key, value in arm.overrides), *common]
        for arm in arms
    ]


def _typed(value: Any) -> str:
    """A value as `sweep` reads it back; text with a comma needs quotes there."""
    text = expression(value)
    return repr(text) if isinstance(value, str) and "," in text else text
