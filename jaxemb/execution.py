"""Run an experiment: expand its arms, run them in local processes, judge, write record and report."""

import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxemb import records
from jaxemb.config import UsageError, override, to_json
from jaxemb.experiment import Experiment, Recipe, rebuilt
from jaxemb.memory import KEEP_MEMORY
from jaxemb.runs import Job, arm_fingerprint, check_tuning, run_arm
from jaxemb.smoke import smoke
from jaxemb.sweep import Arm, expand, path_safe, sets

Emit = Callable[[dict], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How an experiment is run; no number depends on it beyond rounding but by scale and overrides.

    `variant` names what was asked for beyond the experiment as written, such as a sweep's axes: its
    record and report get a folder of their own, so that those of the experiment stay. `command` is
    what was typed, for the record.
    """

    scale: str = "small"
    seeds: int | None = None
    overrides: tuple[tuple[str, Any], ...] = ()
    runs: Path = Path("runs")
    jobs: int | None = None
    again: bool = False
    variant: str = ""
    command: str | None = None


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
    base = experiment.base
    for key, value in experiment.scales[scale].items():
        base = override(base, key, value)
    return dataclasses.replace(experiment, base=base)


def prepare(named: Named, options: Options) -> tuple[Experiment, list[tuple[Arm, Recipe]]]:
    """The experiment at its scale and every arm's recipe, checked before anything runs.

    Raises:
        UsageError: an unknown scale, field or value; an override of a key that an arm sets; a loss
            whose columns the data lacks; a batch that the devices cannot share.
    """
    experiment = at_scale(named.experiment, options.scale)
    if options.seeds is not None:
        if options.seeds < 1:
            raise UsageError(f"--seeds {options.seeds} must be at least 1.")
        experiment = dataclasses.replace(experiment, seeds=tuple(range(options.seeds)))
    arms = expand(experiment.base, experiment.arms, options.overrides)
    arms = [(arm, rebuilt(recipe)) for arm, recipe in arms]
    for arm, recipe in arms:
        check(arm.name, recipe)
    return experiment, arms


def check(name: str, recipe: Recipe) -> None:
    """Refuse an arm that could not run, by shapes and columns alone."""
    from jaxemb.training import Train, check_columns, check_rows

    for stage in recipe.stages:
        if isinstance(stage, Train):
            try:
                check_columns(stage.loss, stage.data)
                check_rows(stage, recipe.runtime)
            except UsageError as error:
                raise UsageError(f"Arm {name}: {error}") from None
    if recipe.embedder is not None:
        try:
            recipe.network.shapes()
        except UsageError as error:
            raise UsageError(f"Arm {name}: {error}") from None
        except Exception as error:  # of Flax, of einops, or of a part of somebody's own
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UsageError(f"Arm {name} cannot be built: {reason}") from error


def folder_of(options: Options, name: str) -> Path:
    """Where the runs of an experiment at a scale live."""
    return Path(options.runs) / name / options.scale


def results_of(options: Options, name: str) -> Path:
    """Where the record and the report of a command go."""
    folder = folder_of(options, name)
    return folder / "variants" / path_safe(options.variant) if options.variant else folder


def jobs_of(
    named: Named, options: Options, experiment: Experiment, arms: Sequence[tuple[Arm, Recipe]]
) -> list[Job]:
    """One job an arm."""
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
            )
        )
    return jobs


def run(named: Named, options: Options, emit: Emit) -> dict:
    """Run every arm that has not been run, score the controls, judge the claims; returns the record.

    The record is also written to `record.json` where `results_of` says. Failed arms are in
    its `failed` list, outside every mean.
    """
    experiment, arms = prepare(named, options)
    jobs = jobs_of(named, options, experiment, arms)
    folder = folder_of(options, named.name)
    _writable(folder)
    emit({"event": "preparing", "arms": [arm.name for arm, _ in arms], "seeds": experiment.seeds})
    controls = records.score_controls(
        experiment, rebuilt(experiment.base), folder, options.again, emit
    )
    run_jobs(jobs, options.jobs or default_jobs(), emit)
    place = results_of(options, named.name)
    place.mkdir(parents=True, exist_ok=True)
    return records.write(named, experiment, options.scale, jobs, controls, place, options.command)


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error


def default_jobs() -> int:
    """Arms at once: one a core on a machine without accelerator, where small models scale worst."""
    import jax

    return len(_cores()) if jax.default_backend() == "cpu" else 1


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def run_jobs(jobs: Sequence[Job], workers: int, emit: Emit) -> None:
    """Run jobs, `workers` at a time, each in a process of its own that keeps to its own cores.

    With one worker they run in this process. On Ctrl-C the workers finish the write they are in.
    """
    if workers <= 1:
        for job in jobs:
            run_arm(job, lambda event, arm=job.arm: emit({"arm": arm, **event}))
        return
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    pool = _Pool(waiting, emit)
    cores = _cores()
    count = min(workers, len(jobs))
    threads = [
        threading.Thread(target=pool.serve, args=(tuple(cores[n::count]),), daemon=True)
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except KeyboardInterrupt:
        pool.stop()
        for thread in threads:
            thread.join()
        raise
    if pool.refusals:
        raise UsageError(pool.refusals[0])


class _Pool:
    """Threads that take jobs from a queue and watch one worker process each."""

    def __init__(self, waiting: queue.SimpleQueue, emit: Emit) -> None:
        self.waiting, self.refusals = waiting, []
        self._emit, self._lock, self._stopped = emit, threading.Lock(), False
        self._processes: set[subprocess.Popen] = set()

    def serve(self, cores: tuple[int, ...]) -> None:
        while not self._stopped:
            try:
                job = self.waiting.get_nowait()
            except queue.Empty:
                return
            self._watch(dataclasses.replace(job, cores=cores))

    def stop(self) -> None:
        self._stopped = True
        for process in list(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

    def emit(self, event: dict) -> None:
        with self._lock:
            self._emit(event)

    def _watch(self, job: Job) -> None:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        task, log = folder / "job.json", folder / "log.txt"
        task.write_text(json.dumps(dataclasses.asdict(job)))
        command = [sys.executable, "-m", "jaxemb.runs", str(task)]
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                start_new_session=True,
                env={**KEEP_MEMORY, **os.environ},
            ) as process,
        ):
            self._processes.add(process)
            if self._stopped:  # while it was being started
                process.send_signal(signal.SIGINT)
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "refused":
                    self.refusals.append(event["error"])
                self.emit(event)
            code = process.wait()
            self._processes.discard(process)
        if code not in (0, 2, 130) and not self._stopped:
            error = f"the worker process ended with code {code}; see {log}"
            self.emit({"event": "failed", "arm": job.arm, "seed": None, "error": error})
