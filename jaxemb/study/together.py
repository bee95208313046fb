"""What the other processes of a run do while the first one writes: the same computation, unseen."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.runtime import processes
from jaxemb.study.control_scores import score_controls
from jaxemb.study.jobs import Job
from jaxemb.study.recipe import rebuilt
from jaxemb.study.specification import Experiment
from jaxemb.study.workers import run_jobs


def jobs_at_once(asked: int | None) -> int | None:
    """How many worker processes there may be: several processes of one run have none beside them.

    Raises:
        UsageError: they were asked for.
    """
    if processes.count() == 1:
        return asked
    if asked is not None and asked > 1:
        raise UsageError(
            f"--jobs {asked}: the processes of one run all work on the same seed; leave --jobs out."
        )
    return 1


def follow(jobs: Sequence[Job], experiment: Experiment, folder: Path) -> None:
    """Compute what the first process computes; what is written goes to a folder that is thrown away.

    Checkpoints alone are written by all, into the first one's folders.

    Args:
        folder: where the first process keeps the experiment's runs.

    Raises:
        UsageError: this process does not see that folder.
    """
    processes.gather(None)  # by now it is there
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is not seen by every process of this run: --runs must be a folder that all "
            "of them share, since each writes its part of the checkpoints there."
        )
    with tempfile.TemporaryDirectory(prefix="jaxemb-") as scratch:
        own = [
            dataclasses.replace(
                job,
                folder=str(Path(scratch) / Path(job.folder).name),
                checkpoints=job.folder,
                logs=(),
            )
            for job in jobs
        ]
        base = rebuilt(experiment.base)
        score_controls(experiment, base, Path(scratch), own[0].again, _unseen)
        run_jobs(own, 1, _unseen)


def _unseen(event: dict) -> None:
    """The first process tells the same."""
