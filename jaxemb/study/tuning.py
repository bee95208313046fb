"""The learning rate of an arm: each is tried at a fraction of the budget and scored on dev."""

import dataclasses
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypedDict

import numpy as np

from jaxemb.config import Above, UsageError
from jaxemb.config.files import discard, warn
from jaxemb.config.manifests import read_sealed, write_sealed
from jaxemb.evaluation import flatten
from jaxemb.runtime import processes
from jaxemb.study.jobs import Emit, Job
from jaxemb.study.recipe import Recipe, Tuning
from jaxemb.study.run_scores import scores_of
from jaxemb.training import Stage


def tuned(job: Job, recipe: Recipe, emit: Emit) -> Recipe:
    """The recipe at the learning rate that does best on dev at a fraction of the budget."""
    tuning = job.trials
    path = Path(job.folder) / "tuning.json"
    found = processes.agree(_kept(path, _Tuned))
    if found is None:
        trials = [_trial(job, recipe, rate, emit) for rate in tuning.learning_rates]
        found = _best(trials, tuning)
        write_sealed(path, found)
    return at_rate(recipe, found["learning_rate"])


def picked_rate(job: Job) -> float | None:
    """The learning rate of a finished arm, from its file or else from its trials' files."""
    path = Path(job.folder) / "tuning.json"
    if not path.exists():
        return None
    found = _kept(path, _Tuned)
    if found is None and job.trials is not None:
        rates = job.trials.learning_rates
        trials = [_kept(_place(job, rate), _Trial) for rate in rates]
        if None in trials:
            return None
        found = _best(trials, job.trials)
        write_sealed(path, found)
    return None if found is None else found["learning_rate"]


def _best(trials: Sequence[dict], tuning: Tuning) -> dict:
    best = max(trials, key=lambda trial: trial["score"])["learning_rate"]
    return {"learning_rate": best, "trials": trials, "metrics": tuning.metrics}


def _place(job: Job, rate: float) -> Path:
    return Path(job.folder) / "trials" / f"{rate!r}.json"


class _Trial(TypedDict):
    learning_rate: Annotated[float, Above(0)]
    score: float


class _Tuned(TypedDict):
    learning_rate: Annotated[float, Above(0)]


def _kept(path: Path, shape: type) -> dict | None:
    """What an earlier process wrote there; None where there is nothing, or nothing of use."""
    if not path.exists():
        return None
    try:
        return read_sealed(path, shape)
    except UsageError as error:
        warn(f"{error} It is computed again.")
        discard(path)
        return None


def try_rate(job: Job, recipe: Recipe, emit: Emit) -> None:
    """Try one rate ahead of the seeds; they try again, and tell, what fails here."""
    if (Path(job.folder) / "tuning.json").exists():
        return
    try:
        _trial(job, recipe, job.trial, emit)
    except UsageError:
        raise
    except Exception:  # a part of somebody's own may raise anything
        traceback.print_exc()


def _trial(job: Job, recipe: Recipe, rate: float, emit: Emit) -> dict[str, float]:
    """What a rate scores on dev, from the arm's folder if a process has tried it."""
    tuning = job.trials
    path = _place(job, rate)
    kept = processes.agree(_kept(path, _Trial))
    if kept is not None:
        return kept
    short = _at_fraction(at_rate(recipe, rate), tuning)

    def tell(event: dict) -> None:
        emit({"trial": rate, **event})

    scores = [_dev_score(short, seed, tuning, tell) for seed in tuning.seeds]
    trial = {"learning_rate": rate, "score": float(np.mean(scores))}
    path.parent.mkdir(exist_ok=True)
    write_sealed(path, trial)
    tell({"event": "tuned", **trial})
    return trial


def forget_tuning(job: Job) -> None:
    """Take away what an arm's learning rates scored, for a job that is to be done again."""
    for name in ("tuning.json", "trials"):
        discard(Path(job.folder) / name)


def at_rate(recipe: Recipe, rate: float) -> Recipe:
    """The recipe whose last stage that learns does so at another rate."""
    return _retrained(recipe, lambda stage: stage.at_rate(rate))


def _retrained(recipe: Recipe, change: Callable[[Stage], Stage]) -> Recipe:
    """The recipe with another last stage that learns; what is applied to the result may follow it."""
    places = [n for n, stage in enumerate(recipe.stages) if stage.learns]
    at, stages = places[-1], recipe.stages
    changed = (*stages[:at], change(stages[at]), *stages[at + 1 :])
    return dataclasses.replace(recipe, stages=changed)


def _at_fraction(recipe: Recipe, tuning: Tuning) -> Recipe:
    recipe = _retrained(recipe, lambda stage: stage.shortened(tuning.fraction))
    wanted = {metric.split("/")[0] for metric in tuning.metrics}
    tasks = tuple(task.on("dev") for task in recipe.evaluation if task.name in wanted)
    return dataclasses.replace(recipe, evaluation=tasks)


def _dev_score(recipe: Recipe, seed: int, tuning: Tuning, emit: Emit) -> float:
    from jaxemb.study.stages import run_stages
    from jaxemb.training import Diverged

    recipe = dataclasses.replace(recipe, seed=seed)
    try:
        model = run_stages(recipe, report=lambda m: emit({"event": "step", **m}))
    except Diverged:
        return -np.inf
    scores = processes.lead(lambda: flatten(scores_of(model, recipe.evaluation)))
    found = [scores[metric] for metric in tuning.metrics if metric in scores]
    if not found:
        raise UsageError(_without(tuning, scores))
    return float(np.mean(found))


def check_tuning(recipe: Recipe, tuning: Tuning) -> None:
    """Raises UsageError, before anything is trained, if no task gives a metric to pick a rate by."""
    if not _at_fraction(recipe, tuning).evaluation:
        raise UsageError(_without(tuning, [task.name for task in recipe.evaluation]))


def _without(tuning: Tuning, scored: Iterable[str]) -> str:
    return (
        f"The learning rate is picked by {', '.join(tuning.metrics)}, and what is scored is "
        f"{', '.join(scored) or 'nothing'}: name others in Tuning(metrics=...), or tuning=None."
    )
