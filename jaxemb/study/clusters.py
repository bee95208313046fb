"""Commands as jobs of a batch system, by the submitit library: one array, one job per command."""

import ast
import dataclasses
import importlib
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.study.sweep import assignment

DEFAULTS = {"timeout_min": 240, "cpus_per_task": 4, "mem_gb": 16}


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that a job runs; after the batch system has interrupted it, it is run again.

    What was finished by then is skipped, since runs are kept on disk.
    """

    words: tuple[str, ...]

    def __call__(self) -> int:
        """Run it to its end.

        Raises:
            RuntimeError: it ended with another code than 0.
        """
        code = subprocess.run(self.words, check=False).returncode
        if code:
            raise RuntimeError(f"{' '.join(self.words)} ended with code {code}.")
        return code

    def checkpoint(self) -> Any:
        """What submitit puts into the queue where a job is preempted or out of time."""
        return _submitit().helpers.DelayedSubmission(self)


def submit(
    commands: Sequence[Sequence[str]],
    *,
    name: str,
    folder: Path,
    options: Iterable[str] = (),
) -> list[Any]:
    """Submits an array of jobs; returns them as submitit gives them, with `job_id` and `result()`.

    Args:
        name: of the array.
        folder: for submitit's own files and what the jobs print; all nodes must see it.
        options: submitit's parameters as `key=value`, such as `slurm_partition=gpu` or
            `timeout_min=60`. `cluster=local` runs the jobs on this machine, without a batch system.

    Raises:
        UsageError: there is no command, submitit is not installed or refuses an option, or there is
            no batch system.
    """
    if not commands:
        raise UsageError("There is nothing to run: the sweep has no arms.")
    submitit, given = _submitit(), dict(map(_option, options))
    cluster = given.pop("cluster", None)
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster or "slurm")
        executor.update_parameters(name=name, **DEFAULTS | given)
    except (RuntimeError, ValueError, TypeError, NameError, AssertionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(
            f"submitit refuses: {reason} (without a batch system, --submit-option cluster=local runs "
            "the jobs here)"
        ) from error
    with executor.batch():
        return [executor.submit(Command(tuple(words))) for words in commands]


def _option(text: str) -> tuple[str, Any]:
    """`("timeout_min", 60)` of `timeout_min=60`; what is no Python literal is text."""
    key, value = assignment(text)
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def _submitit() -> Any:
    try:
        importlib.import_module("submitit.helpers")
        return importlib.import_module("submitit")
    except ImportError:
        raise UsageError(
            "Jobs are submitted by the package submitit: pip install 'jaxemb[slurm]'; "
            "--slurm FILE writes an sbatch script without it."
        ) from None
