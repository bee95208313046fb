"""Run an experiment: expand its arms, run them in local processes, judge, write record and report."""

import contextlib
import dataclasses
import fcntl
import json
import re
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from jaxemb.config import EXPERIMENTS, UsageError, override_all, to_json
from jaxemb.config.files import given_path, warn, writing_to
from jaxemb.runtime import processes
from jaxemb.study import planning, records
from jaxemb.study.arms import Arm, path_safe, sets
from jaxemb.study.control_scores import score_controls
from jaxemb.study.expansion import expand
from jaxemb.study.identity import arm_fingerprint
from jaxemb.study.jobs import Job
from jaxemb.study.loggers import Logger
from jaxemb.study.recipe import Recipe, rebuilt
from jaxemb.study.smoke import smoke
from jaxemb.study.specification import Experiment
from jaxemb.study.together import follow, jobs_at_once
from jaxemb.study.tuning import check_tuning
from jaxemb.study.workers import default_jobs, run_jobs

Emit = Callable[[dict], None]
MOST_SEEDS = 10_000
_OTHER_FILES = 512  # that a run may have open beside the locks of its arms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How an experiment is run; no number depends on it beyond rounding but by scale and overrides.

    `arms` names those to run, all of them by default. `variant` names what was asked for beyond the
    experiment as written, such as a sweep's axes: its record and report get a folder of their own,
    so that those of the experiment stay. `command` is what was typed, for the record.
    `logs` get the training curves too.
    """

    scale: str = "small"
    seeds: int | None = None
    arms: tuple[str, ...] = ()
    overrides: tuple[tuple[str, Any], ...] = ()
    runs: Path = Path("runs")
    jobs: int | None = None
    again: bool = False
    variant: str = ""
    command: str | None = None
    logs: tuple[Logger, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """An experiment with where it was found: its name, file, theme and papers."""

    name: str
    file: str
    papers: tuple[int, ...]
    experiment: Experiment
    title: str = ""


def at_scale(experiment: Experiment, scale: str) -> Experiment:
    """The experiment with its base at a scale: `small` (as written), `smoke` (by rule) or its own."""
    if scale == "small":
        return experiment
    if scale == "smoke":
        return smoke(experiment)
    if scale not in experiment.scales:
        known = ", ".join(["smoke", "small", *experiment.scales])
        raise UsageError(f"There is no scale {scale!r} in this experiment; scales: {known}.")
    try:
        base = override_all(experiment.base, experiment.scales[scale])
    except UsageError as error:
        raise UsageError(f"Scale {scale}: {error}") from None
    return dataclasses.replace(experiment, base=base)


def prepare(named: Named, options: Options) -> tuple[Experiment, list[tuple[Arm, Recipe]]]:
    """The experiment at its scale and every arm's recipe, checked before anything runs.

    Raises:
        UsageError: an unknown arm, scale, field or value; an override of a key that an arm sets; a
            loss whose columns the data lacks; a batch that the devices cannot share.
    """
    chosen = named.experiment.of(options.arms) if options.arms else named.experiment
    experiment = at_scale(chosen, options.scale)
    if options.seeds is not None:
        if not 1 <= options.seeds <= MOST_SEEDS:
            raise UsageError(f"--seeds {options.seeds} must be from 1 to {MOST_SEEDS}.")
        experiment = dataclasses.replace(experiment, seeds=tuple(range(options.seeds)))
    arms = expand(experiment.base, experiment.arms, options.overrides)
    arms = [(arm, rebuilt(recipe)) for arm, recipe in arms]
    for arm, recipe in arms:
        check(arm.name, recipe)
    return experiment, arms


def check(name: str, recipe: Recipe) -> None:
    """Refuse an arm that could not run, by shapes and columns alone."""
    if not recipe.evaluation:
        raise UsageError(f"Arm {name} has evaluation=(): there is nothing to judge it by.")
    try:
        for stage in recipe.stages:
            stage.check(recipe.runtime)
        recipe.check_recalled()
    except UsageError as error:
        raise UsageError(f"Arm {name}: {error}") from None
    if recipe.network is not None:
        try:
            recipe.network.shapes()
            for stage in recipe.stages:
                stage.check_network(recipe.network)
        except UsageError as error:
            raise UsageError(f"Arm {name}: {error}") from None
        except Exception as error:  # of Flax, of einops, or of a part of somebody's own
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UsageError(f"Arm {name} cannot be built: {reason}") from error


def folder_of(options: Options, name: str) -> Path:
    """Where the runs of an experiment at a scale live."""
    return given_path(options.runs) / name / options.scale


def results_of(options: Options, name: str) -> Path:
    """Where the record and the report of a command go."""
    folder = folder_of(options, name)
    return folder / "variants" / path_safe(options.variant) if options.variant else folder


def jobs_of(
    named: Named, options: Options, experiment: Experiment, arms: Sequence[tuple[Arm, Recipe]]
) -> list[Job]:
    """One job per arm."""
    jobs = []
    given = any(sets(key, "learning_rate") for key, _ in options.overrides)
    for arm, recipe in arms:
        # A rate that was typed, or that the arm is about, is no longer to be picked.
        fixed = given or arm.sets("learning_rate")
        tuned = experiment.base.trains and recipe.trains and not fixed
        tuning = to_json(experiment.tuning) if tuned and experiment.tuning is not None else None
        if tuning is not None:
            check_tuning(recipe, experiment.tuning)
        mark = arm_fingerprint(recipe, tuning)[:8]
        jobs.append(
            Job(
                experiment=named.name,
                file=named.file,
                scale=options.scale,
                arm=arm.name,
                overrides=arm.described(),
                recipe=to_json(recipe),
                seeds=experiment.seeds,
                tuning=tuning,
                folder=str(folder_of(options, named.name) / f"{arm.name}-{mark}"),
                again=options.again,
                logs=tuple(map(to_json, options.logs)),
            )
        )
    return jobs


def _tell_of_own_parts(jobs: list[Job]) -> None:
    """Of each part that an experiment's file defines itself: where its models can be loaded."""
    recipes = json.dumps([job.recipe for job in jobs])
    own = sorted(set(re.findall(rf"{EXPERIMENTS}_\w+:(\w+)", recipes)))
    if own:
        file = jobs[0].file
        warn(
            f"{', '.join(own)} is defined in {file} itself: models of this run load only with "
            f"--experiments {file}, while it stands there. A part of a module that the file imports "
            "loads wherever that module is imported."
        )


def run(named: Named, options: Options, emit: Emit) -> dict:
    """Run every arm that has not been run, score the controls, judge the claims; returns the record.

    The record is also written to `record.json` where `results_of` says. Failed arms are in its
    `failed` list, outside every mean. Of several processes that make one run, the first has the
    record; the others give `{}`.

    Raises:
        UsageError: what `prepare` raises; an arm does not fit the memory at hand; another process is
            running one of the arms.
    """
    for log in options.logs:
        log.check()
    experiment, arms = prepare(named, options)
    room = planning.available()
    for arm, recipe in arms:
        planning.check_memory(arm.name, recipe, room)
    jobs = jobs_of(named, options, experiment, arms)
    folder = folder_of(options, named.name)
    at_once = jobs_at_once(options.jobs)
    if not processes.is_first():
        follow(jobs, experiment, folder)
        return {}
    _writable(folder)
    processes.gather(None)
    _tell_of_own_parts(jobs)
    emit({"event": "preparing", "arms": [arm.name for arm, _ in arms], "seeds": experiment.seeds})
    for stage in dict.fromkeys(stage for _, recipe in arms for stage in recipe.stages):
        stage.check_data()
    with _alone([Path(job.folder) for job in jobs]):
        controls = score_controls(experiment, rebuilt(experiment.base), folder, options.again, emit)
        run_jobs(jobs, at_once or default_jobs(), emit)
        place = results_of(options, named.name)
        place.mkdir(parents=True, exist_ok=True)
        return records.write(named, experiment, options, jobs, controls, place)


@contextlib.contextmanager
def _alone(folders: Sequence[Path]) -> Iterator[None]:
    """Hold the arms' folders; the kernel frees them when the process dies, however it dies.

    A task of a batch system holds the arms it was given, and others may run theirs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = len(folders) + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:  # a sweep of a thousand arms
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    with contextlib.ExitStack() as held:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            _lock(folder, held.enter_context((folder / ".lock").open("a", encoding="utf-8")))
        yield


def _lock(folder: Path, file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{folder} is being run by another process: wait until it has ended, use another "
            "--runs folder, or make one run of both by --cluster or --coordinator."
        ) from None
    except OSError:
        pass  # a file system without locks


def _writable(folder: Path) -> None:
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
