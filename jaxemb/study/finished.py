"""Which seeds of an arm are done, and done with this recipe."""

import dataclasses
from pathlib import Path

from jaxemb.config import UsageError, fingerprint, from_json, provenance
from jaxemb.config.files import discard, warn
from jaxemb.config.manifests import MANIFEST
from jaxemb.runtime import processes
from jaxemb.study.identity import arm_fingerprint
from jaxemb.study.jobs import Job
from jaxemb.study.recipe import Recipe
from jaxemb.study.run_files import mended, read_run
from jaxemb.study.tuning import at_rate


def is_finished(job: Job, recipe: Recipe, seed: int) -> bool:
    """Whether this seed is done; refuses a folder that holds another recipe's run."""
    folder = Path(job.folder) / f"seed-{seed}"
    if not (folder.exists() or folder.is_symlink()):
        return False
    if not folder.is_dir():
        warn(f"{folder} is a file, where a run's folder belongs: it is removed.")
        discard(folder)
        return False
    if not (folder / "run.json").exists():
        return False
    try:
        found = read_run(folder)
    except UsageError as error:
        warn(f"{error} This seed is run again.")
        discard(folder)
        return False
    expected, made = arm_fingerprint(recipe, job.tuning), found.get("fingerprint", "")
    if made != expected or not _is_of_recipe(found["recipe"], recipe, job):
        raise UsageError(
            f"{folder} holds a run of another recipe (fingerprint {made[:8]}, "
            f"not {expected[:8]}); move it away or use another --runs folder."
        )
    if found["status"] != "done" or not (folder / "scores.json").exists():
        return False
    if found["format"] >= 2 and not (folder / MANIFEST).exists():
        return False  # killed in its last moment: its last checkpoint is still there
    return mended(folder)


def _is_of_recipe(stored: dict, recipe: Recipe, job: Job) -> bool:
    """Whether a run's recipe is this one by its fields too, which are all stored.

    A fingerprint leaves defaults out, so it does not see that a default has changed since the run.
    """
    try:
        pair = [dataclasses.replace(one, seed=0) for one in (from_json(stored), recipe)]
        if job.trials is not None:
            rate = job.trials.learning_rates[0]
            pair = [at_rate(one, rate) for one in pair]
        return fingerprint(pair[0]) == fingerprint(pair[1])
    except UsageError:
        return True  # the run reads a file that was moved since, or has a field that left


def made_by_other_code(folder: Path) -> dict:
    """`{"other_code": commit}` of a run that another commit of jaxemb made, else `{}`."""
    made = read_run(folder).get("commit") if processes.is_first() else None
    return {"other_code": made} if made != provenance.commit() else {}
