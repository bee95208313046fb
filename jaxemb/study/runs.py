"""Run one arm of an experiment: pick its learning rate, then train and score each of its seeds.

A run is a folder that describes itself: `run.json` (the recipe and what made it), `metrics.jsonl`
(the training curve), `scores.json`, `examples/` (a record for every example, one file per task),
`model/`.
"""

import contextlib
import dataclasses
import shutil
import time
import traceback
from pathlib import Path

from jaxemb.config import UsageError, from_json, provenance, to_json
from jaxemb.config.files import sweep_leftovers, write_whole
from jaxemb.config.manifests import MANIFEST
from jaxemb.evaluation import flatten, monitor
from jaxemb.model import Embedding
from jaxemb.runtime import processes
from jaxemb.runtime.running_costs import RunningCosts
from jaxemb.study.curves import Curve, trained_flops
from jaxemb.study.finished import is_finished, made_by_other_code
from jaxemb.study.identity import arm_fingerprint, data_fingerprints
from jaxemb.study.jobs import Emit, Job
from jaxemb.study.loggers import About, both, opened
from jaxemb.study.recipe import Recipe
from jaxemb.study.run_files import (
    FORMAT,
    read_curve,
    read_scores,
    seal_run,
    write_json,
    write_results,
)
from jaxemb.study.run_scores import embedding_of, scores_of
from jaxemb.study.tuning import try_rate, tuned


def run_arm(job: Job, emit: Emit) -> None:
    """Run every seed of an arm that has not been run; a failed seed is recorded, the others go on."""
    folder = Path(job.folder)
    recipe = job.declared
    unfinished = [seed for seed in job.seeds if job.again or not is_finished(job, recipe, seed)]
    todo = processes.agree(unfinished)
    if todo:
        folder.mkdir(parents=True, exist_ok=True)
        for seed in todo:
            sweep_leftovers(folder / f"seed-{seed}")
    if job.trial is not None:
        if todo:
            try_rate(job, recipe, emit)
        return
    for seed in set(job.seeds) - set(todo):
        emit({"event": "skipped", "seed": seed, **made_by_other_code(folder / f"seed-{seed}")})
    if todo and job.tuning is not None:
        try:
            with processes.together():
                recipe = tuned(job, recipe, emit)
        except UsageError:
            raise
        except Exception as error:
            for seed in todo:
                _quarantine(job, folder / f"seed-{seed}", seed, recipe, error, emit)
            return
    for seed in todo:
        _run_seed(job, dataclasses.replace(recipe, seed=seed), emit)


def _run_seed(job: Job, recipe: Recipe, emit: Emit) -> None:
    folder = Path(job.folder) / f"seed-{recipe.seed}"
    if job.again:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    started, costs = time.time(), RunningCosts()
    _describe(job, folder, recipe, "running")
    processes.gather(None)  # the others may open its checkpoints now
    try:
        with processes.together():
            stored = _train_and_score(recipe, job, folder, emit, costs)
    except UsageError:
        raise
    except Exception as error:  # a part of somebody's own may raise anything
        _quarantine(job, folder, recipe.seed, recipe, error, emit)
        return
    if not processes.is_first():
        return
    seconds = time.time() - started
    spent = {"flops": trained_flops(recipe, stored, read_curve(folder)), **costs.summary()}
    _describe(job, folder, recipe, "done", seconds=round(seconds, 1), **spent)
    seal_run(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    emit({"event": "done", "seed": recipe.seed, "seconds": seconds, "scores": read_scores(folder)})


def _train_and_score(
    recipe: Recipe, job: Job, folder: Path, emit: Emit, costs: RunningCosts
) -> list[int | None]:
    """What the stages that are kept in the store took, in FLOPs."""
    from jaxemb.runtime.checkpoints import Checkpoints
    from jaxemb.study.stages import run_stages

    stored: list[int | None] = []
    place = Path(job.checkpoints or job.folder) / folder.name / "checkpoints"
    checkpoints = Checkpoints(place, every=recipe.runtime.checkpoint_every)
    curve = Curve(folder / "metrics.jsonl", recipe.seed, emit, costs)
    about = About(job.experiment, job.scale, job.arm, recipe.seed, to_json(recipe))
    with contextlib.closing(checkpoints), opened(map(from_json, job.logs), folder, about) as log:
        watch, report = monitor(recipe.evaluation, Embedding), both(curve, log)
        model = run_stages(
            recipe, checkpoints=checkpoints, evaluate=watch, report=report, spent=stored.append
        )
        if not processes.is_first():
            return stored
        emit({"event": "scoring", "seed": recipe.seed})
        results = scores_of(model, recipe.evaluation, embedding_of(recipe, model, job.arm))
        log.finish(flatten(results))
    recipe.start.save(model, folder / "model", changed=bool(recipe.stages))
    write_results(folder, results)
    return stored


def _describe(job: Job, folder: Path, recipe: Recipe, status: str, **more: object) -> None:
    declared = job.declared
    write_json(
        folder / "run.json",
        {
            "format": FORMAT,
            "experiment": job.experiment,
            "file": job.file,
            "scale": job.scale,
            "arm": job.arm,
            "overrides": job.overrides,
            "seed": recipe.seed,
            "status": status,
            "fingerprint": arm_fingerprint(declared, job.tuning),
            "recipe": to_json(recipe),
            "data": data_fingerprints(declared),
            "commit": provenance.commit(),
            "versions": provenance.versions(),
            **more,
        },
    )


def _quarantine(
    job: Job, folder: Path, seed: int, recipe: Recipe, error: Exception, emit: Emit
) -> None:
    """Set a failed run apart: it is reported, never averaged, and tried again by the next command."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "error.txt", "".join(traceback.format_exception(error)))
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    _describe(job, folder, dataclasses.replace(recipe, seed=seed), "failed", error=reason)
    emit({"event": "failed", "seed": seed, "error": reason})
