"""Run one arm of an experiment: pick its learning rate, then train and score each of its seeds.

A run is a folder that describes itself: `run.json` (the recipe and what made it), `metrics.jsonl`
(the training curve), `scores.json`, `examples/` (a record for every example, one file per task),
`model/`.
"""

import contextlib
import dataclasses
import itertools
import json
import shutil
import time
import traceback
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypedDict

import numpy as np

from jaxemb.config import Above, UsageError, fingerprint, from_json, provenance, to_json
from jaxemb.config.files import discard, sweep_leftovers, warn, write_whole
from jaxemb.config.manifests import MANIFEST, read_sealed, write_sealed
from jaxemb.evaluation import Task, evaluate, final, flatten, monitor, reaches
from jaxemb.model import Embedding, Model
from jaxemb.runtime import processes
from jaxemb.runtime.running_costs import RunningCosts
from jaxemb.statistics.result import Result
from jaxemb.study.loggers import About, both, opened
from jaxemb.study.recipe import Recipe, Tuning
from jaxemb.study.run_files import (
    FORMAT,
    mended,
    read_curve,
    read_run,
    read_scores,
    seal_run,
    write_json,
    write_results,
)
from jaxemb.training import Stage
from jaxemb.vectors import EmbeddingStore
from jaxemb.vectors.cache import Embed

Emit = Callable[[dict], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One arm of an experiment, its seeds, and where its runs go; JSON so that a process can take it.

    With `trial`, a learning rate, the arm is only tried at that rate; see `shares`. Where several
    processes run it together, `checkpoints` is the folder that they share: the first one's `folder`.
    """

    experiment: str
    file: str
    scale: str
    arm: str
    overrides: dict
    recipe: dict
    seeds: tuple[int, ...]
    tuning: dict | None
    folder: str
    again: bool = False
    trial: float | None = None
    logs: tuple[dict, ...] = ()
    checkpoints: str | None = None


def shares(job: Job) -> list[Job]:
    """The job in parts that processes may share: a trial of each learning rate, then each seed.

    The trials are to be done before the first seed, which picks the best of them.
    """
    rates = () if job.tuning is None else from_json(job.tuning).learning_rates
    trials = [dataclasses.replace(job, trial=rate) for rate in rates]
    return trials + [dataclasses.replace(job, seeds=(seed,)) for seed in job.seeds]


def run_arm(job: Job, emit: Emit) -> None:
    """Run every seed of an arm that has not been run; a failed seed is recorded, the others go on."""
    folder = Path(job.folder)
    recipe = from_json(job.recipe)
    unfinished = [seed for seed in job.seeds if job.again or not _finished(job, recipe, seed)]
    todo = processes.agree(unfinished)
    if todo:
        folder.mkdir(parents=True, exist_ok=True)
        for seed in todo:
            sweep_leftovers(folder / f"seed-{seed}")
    if job.trial is not None:
        if todo:
            _try(job, recipe, emit)
        return
    for seed in set(job.seeds) - set(todo):
        emit({"event": "skipped", "seed": seed, **_made_by_other_code(folder / f"seed-{seed}")})
    if todo and job.tuning is not None:
        try:
            with processes.together():
                recipe = _tuned(job, recipe, emit)
        except UsageError:
            raise
        except Exception as error:
            for seed in todo:
                _quarantine(job, folder / f"seed-{seed}", seed, recipe, error, emit)
            return
    for seed in todo:
        _run_seed(job, dataclasses.replace(recipe, seed=seed), emit)


def arm_fingerprint(recipe: Recipe, tuning: dict | None) -> str:
    """Names an arm's folder: the recipe without its seed, how it is tuned, and the data it reads.

    Of the runtime, the dtype of training where that is not float32.
    """
    changes = [recipe.runtime.changes] if recipe.runtime.changes else []
    plain = dataclasses.replace(recipe, seed=0)
    return fingerprint(plain, from_json(tuning), data_fingerprints(recipe), *changes)


def data_fingerprints(recipe: Recipe) -> dict[str, str]:
    """The fingerprint of every dataset that a stage or a task reads, by its name.

    Weights that a recipe starts from are data too: their hash stands under "embedder".
    """
    weights = recipe.start.fingerprint()
    read = [(stage.name, getattr(stage, "data", None)) for stage in recipe.stages]
    read += [(task.name, task) for task in recipe.evaluation]
    found = {"embedder": weights} if weights else {}
    for name, part in read:
        if part is not None:
            found[_unused(name, found)] = part.fingerprint()
    return found


def _unused(name: str, taken: Container[str]) -> str:
    """The name, numbered where several stages or tasks are called so: none may be forgotten."""
    numbered = (f"{name}-{n}" for n in itertools.count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _finished(job: Job, recipe: Recipe, seed: int) -> bool:
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
    if made != expected or not _still_means(found["recipe"], recipe, job):
        raise UsageError(
            f"{folder} holds a run of another recipe (fingerprint {made[:8]}, "
            f"not {expected[:8]}); move it away or use another --runs folder."
        )
    if found["status"] != "done" or not (folder / "scores.json").exists():
        return False
    if found["format"] >= 2 and not (folder / MANIFEST).exists():
        return False  # killed in its last moment: its last checkpoint is still there
    return mended(folder)


def _still_means(stored: dict, recipe: Recipe, job: Job) -> bool:
    """Whether a run's recipe is this one by its fields too, which are all stored.

    A fingerprint leaves defaults out, so it does not see that a default has changed since the run.
    """
    try:
        pair = [dataclasses.replace(one, seed=0) for one in (from_json(stored), recipe)]
        if job.tuning is not None:
            rate = from_json(job.tuning).learning_rates[0]
            pair = [_at_rate(one, rate) for one in pair]
        return fingerprint(pair[0]) == fingerprint(pair[1])
    except UsageError:
        return True  # the run reads a file that was moved since, or has a field that left


def _made_by_other_code(folder: Path) -> dict:
    made = read_run(folder).get("commit") if processes.is_first() else None
    return {"other_code": made} if made != provenance.commit() else {}


def _tuned(job: Job, recipe: Recipe, emit: Emit) -> Recipe:
    """The recipe at the learning rate that does best on dev at a fraction of the budget."""
    tuning: Tuning = from_json(job.tuning)
    path = Path(job.folder) / "tuning.json"
    found = processes.agree(_kept(path, _Tuned))
    if found is None:
        trials = [_trial(job, recipe, rate, emit) for rate in tuning.learning_rates]
        best = max(trials, key=lambda trial: trial["score"])["learning_rate"]
        found = {"learning_rate": best, "trials": trials, "metrics": tuning.metrics}
        write_sealed(path, found)
    return _at_rate(recipe, found["learning_rate"])


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


def _try(job: Job, recipe: Recipe, emit: Emit) -> None:
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
    tuning: Tuning = from_json(job.tuning)
    path = Path(job.folder) / "trials" / f"{rate!r}.json"
    kept = processes.agree(_kept(path, _Trial))
    if kept is not None:
        return kept
    short = _at_fraction(_at_rate(recipe, rate), tuning)

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
    (Path(job.folder) / "tuning.json").unlink(missing_ok=True)
    shutil.rmtree(Path(job.folder) / "trials", ignore_errors=True)


def _at_rate(recipe: Recipe, rate: float) -> Recipe:
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


def scores_of(model: Model, tasks: Sequence[Task], embed: Embed | None = None) -> dict[str, Result]:
    """Results in the tasks that the model has the layers and the dimensions for.

    `embed` stands in the model's place, such as an `EmbeddingStore` over it.
    """
    size = () if model.embedder is None else (model.embedder.layers, model.dim)
    held = [task for task in final(tasks) if not size or reaches(task, *size)]
    return evaluate(embed or Embedding(model), held)


def _embed(recipe: Recipe, model: Model, name: str) -> Embed:
    """The model, by way of the vectors on disk where other seeds and experiments have the same one."""
    own = any(stage.learns and not stage.is_shared for stage in recipe.stages)
    if own or model.embedder is None:
        return Embedding(model)
    return EmbeddingStore(Embedding(model), name=name)


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
    curve = _Curve(folder / "metrics.jsonl", recipe.seed, emit, costs)
    about = About(job.experiment, job.scale, job.arm, recipe.seed, to_json(recipe))
    with contextlib.closing(checkpoints), opened(map(from_json, job.logs), folder, about) as log:
        watch, report = monitor(recipe.evaluation, Embedding), both(curve, log)
        model = run_stages(
            recipe, checkpoints=checkpoints, evaluate=watch, report=report, spent=stored.append
        )
        if not processes.is_first():
            return stored
        emit({"event": "scoring", "seed": recipe.seed})
        results = scores_of(model, recipe.evaluation, _embed(recipe, model, job.arm))
        log.finish(flatten(results))
    recipe.start.save(model, folder / "model", changed=bool(recipe.stages))
    write_results(folder, results)
    return stored


class _Curve:
    """Appends one line per step to `metrics.jsonl`; a resumed run drops the lines it computes again."""

    def __init__(self, path: Path, seed: int, emit: Emit, costs: RunningCosts) -> None:
        self.path, self.seed, self.emit, self.costs = path, seed, emit, costs
        self.started = False

    def __call__(self, metrics: dict) -> None:
        self.costs.step()
        if not self.started:
            self._keep_before(metrics["step"])
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(metrics) + "\n")
        self.emit({"event": "step", "seed": self.seed, **metrics})

    def _keep_before(self, step: int) -> None:
        self.started = True
        kept = [line for line in read_curve(self.path.parent) if line["step"] < step]
        write_whole(self.path, "".join(json.dumps(line) + "\n" for line in kept))


def trained_flops(
    recipe: Recipe, stored: Sequence[int | None], curve: Sequence[dict]
) -> int | None:
    """FLOPs of training, of the shapes that the steps had; None where a step did not count them.

    Args:
        stored: of the stages whose results are kept for all who need them.
        curve: holds the steps of the run's own stage, the last one, after those of a shared one.
    """
    own: list[dict] = []
    if any(stage.learns and not stage.is_shared for stage in recipe.stages[-1:]):
        steps = [line for line in curve if "loss" in line]
        pairs = enumerate(itertools.pairwise(steps), 1)
        begun = [n for n, (before, line) in pairs if line["step"] <= before["step"]]
        own = steps[begun[-1] if begun else 0 :]
    found = [*stored, *(line.get("flops") for line in own)]
    return None if None in found else sum(found)


def _describe(job: Job, folder: Path, recipe: Recipe, status: str, **more: object) -> None:
    declared = from_json(job.recipe)
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
