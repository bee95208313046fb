"""Score a trained model on a suite of tasks, on those of its run, or on data of one's own."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, from_json, provenance, to_json
from jaxemb.config.files import write_whole, writing_to
from jaxemb.config.manifests import seal
from jaxemb.evaluation import Suite, Task, contamination, flatten
from jaxemb.interop import load
from jaxemb.model import Embedding, Model
from jaxemb.statistics.metrics import DESCRIPTIVE
from jaxemb.statistics.result import Result
from jaxemb.study.comparison.scored import EVALUATION, FORMAT
from jaxemb.study.run_files import read_run
from jaxemb.study.scoring.choice import Choice, chosen_suite
from jaxemb.study.scoring.meter import Emit, Meter
from jaxemb.vectors import EmbeddingStore
from jaxemb.vectors.cache import EmbeddingCache


def score(model: Path, choice: Choice, emit: Emit = lambda event: None) -> dict[str, Any]:
    """What the model scores, with all that the scores depend on.

    Args:
        model: a run's folder, a saved model's, or one of Hugging Face's.
        emit: called with an event for every task that is begun and done.

    Raises:
        UsageError: no such model, suite, data or task, or no task that could be scored.
    """
    if choice.trained_on is not None:
        _described(choice.trained_on)  # before anything is embedded
    loaded = load(model)
    chosen = chosen_suite(model, loaded, choice)
    meter = Meter(emit, len(chosen.tasks))
    embedding = _embedding(loaded, chosen, choice, meter)
    embed = _cache(model, embedding, choice, meter)
    emit({"event": "suite", "suite": chosen.name, "tasks": len(chosen.tasks)})
    scored = [_scored(task, embed, meter) for task in chosen.tasks]
    if scored and not any(row.result for row in scored):
        raise UsageError(f"No task of {chosen.name} could be scored: {scored[0].error}")
    results = {row.task.name: row.result for row in scored if row.result is not None}
    found = {
        "model": str(model),
        "weights": loaded.fingerprint(),
        "suite": chosen.name,
        "date": datetime.date.today().isoformat(),
        "commit": provenance.commit(),
        "versions": provenance.versions(),
        "settings": _settings(embedding, chosen.tasks),
        "embedder": to_json(loaded.embedder),
        "scores": flatten(results),
        "tasks": [row.described(chosen) for row in scored if row.result is not None],
        **means(chosen, results),
        "failed": chosen.broken
        | {row.task.name: row.error for row in scored if row.result is None},
        "passed_over": chosen.passed_over,
        "descriptive": sorted(chosen.descriptive & results.keys()),
        "data": _fingerprints(chosen.tasks),
        "speed": meter.summary(),
    }
    if choice.trained_on is not None:
        overlaps = contamination(
            training_texts(choice.trained_on), [row.task for row in scored if row.result]
        )
        found["contamination"] = {
            name: overlap._asdict() | {"share": overlap.share} for name, overlap in overlaps.items()
        }
    place = choice.out or _place(model, loaded, chosen, choice)
    return found if place is None else found | {"written": str(write(place, found, results))}


def means(chosen: Suite, results: dict[str, Result]) -> dict[str, Any]:
    """Means of the main metrics: over the data sets of each type, over all, and over the types.

    A set that gives several tasks (languages) counts once, with their mean. Tasks whose score says
    nothing of quality, such as tests of bias or of position, count nowhere.
    """
    by_set: dict[tuple[str, str], list[float]] = {}
    for task in chosen.tasks:
        descriptive = task.name in chosen.descriptive or task.metrics[0] in DESCRIPTIVE
        if task.name in results and not descriptive:
            main = results[task.name].metrics[task.metrics[0]]
            by_set.setdefault((task.kind, chosen.set_of(task)), []).append(main)
    types: dict[str, list[float]] = {}
    for (kind, _), values in by_set.items():
        types.setdefault(kind, []).append(float(np.mean(values)))
    every = [value for values in types.values() for value in values]
    return {
        "types": {
            kind: {"mean": float(np.mean(values)), "sets": len(values)}
            for kind, values in types.items()
        },
        "mean": float(np.mean(every)) if every else None,
        "mean_of_types": float(np.mean([np.mean(v) for v in types.values()])) if types else None,
    }


def write(folder: Path, found: dict[str, Any], results: dict[str, Result]) -> Path:
    """`results.json`, and the records of every task in `examples/`.

    Raises:
        UsageError: the folder cannot be written.
    """
    with writing_to(folder):
        (folder / "examples").mkdir(parents=True, exist_ok=True)
        for name, result in results.items():
            result.save(folder / "examples" / f"{name}.npz")
        path = folder / "results.json"
        told = {"format": FORMAT, **found}
        write_whole(path, json.dumps(told, indent=1, default=float, ensure_ascii=False))
        seal(folder, EVALUATION, [path, *(folder / "examples").rglob("*.npz")])
    return path


def _place(model: Path, loaded: Model, chosen: Suite, choice: Choice) -> Path | None:
    """Where results go: one folder per suite, and for parts of a suite; none without a suite."""
    if choice.suite is None:
        return None
    parts = [chosen.name.replace("/", "-").replace(":", "-"), *choice.families]
    parts += [name.replace("/", "-") for name in choice.names]
    parts += [f"{choice.max_tokens}-tokens"] if choice.max_tokens else []
    stem = model.resolve().name if model.name != "model" else model.resolve().parent.name
    return Path("runs") / "eval" / f"{stem}-{loaded.fingerprint()[:8]}" / "+".join(parts)


def training_texts(run: Path) -> Iterator[str]:
    """Every text that the stages of a run read.

    Raises:
        UsageError: there is no such run.
    """
    for stage in from_json(_described(run)["recipe"]).stages:
        if stage.dataset is not None:
            yield from stage.dataset.texts()


def _described(run: Path) -> dict[str, Any]:
    described = run / "run.json"
    if not described.exists():
        raise UsageError(f"There is no run in {run} (no {described}).")
    return read_run(run)


def _fingerprints(tasks: Sequence[Task]) -> dict[str, str]:
    """Of each task's data, where it can be read; where not, the task is among those that failed."""
    found = {}
    for task in tasks:
        with contextlib.suppress(UsageError):
            found[task.name] = task.fingerprint()
    return found


# --- how it is embedded


def _embedding(loaded: Model, chosen: Suite, choice: Choice, meter: Meter) -> Embedding:
    limits = [limit for limit in (chosen.tokens, choice.max_tokens) if limit is not None]
    return Embedding(
        loaded,
        max_tokens=min(limits) if limits else None,
        report=meter.batch,
    )


def _settings(embedding: Embedding, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Settings by role: `"query"`, or `"sts/query"` of a model that tells types of tasks apart."""
    found = {}
    for kind, side in itertools.product(
        dict.fromkeys(task.kind for task in tasks), ("query", "document")
    ):
        with contextlib.suppress(UsageError):  # a role without prefix was never embedded
            used = embedding.of(kind).settings(side)
            found[used["role"]] = used
    return found


def _cache(model: Path, embedding: Embedding, choice: Choice, meter: Meter) -> EmbeddingCache:
    if not choice.store:
        return EmbeddingCache(embedding, watch=meter.request)
    return EmbeddingStore(embedding, watch=meter.request, name=str(model))


# --- scoring


@dataclasses.dataclass(frozen=True)
class _Scored:
    """One task's result, or the sentence that says why there is none, and its seconds."""

    task: Task
    result: Result | None
    error: str
    seconds: float
    embedding_seconds: float

    def described(self, chosen: Suite) -> dict[str, Any]:
        """The row of the table."""
        main = self.task.metrics[0]
        return {
            "name": self.task.name,
            "set": chosen.set_of(self.task),
            "type": self.task.kind,
            "metric": main,
            "score": self.result.metrics[main],
            "examples": len(self.result.examples.get("cluster", ())),
            "seconds": round(self.seconds, 3),
            "embedding_seconds": round(self.embedding_seconds, 3),
        }


def _scored(task: Task, embed: EmbeddingCache, meter: Meter) -> _Scored:
    meter.begin(task.name)
    started, before = time.perf_counter(), meter.seconds
    result, error = None, ""
    try:
        result = task.run(embed.of(task.kind))
    except (UsageError, FloatingPointError) as problem:
        error = str(problem)
    except Exception as problem:  # of somebody's own task: hours of other scores hang on it
        traceback.print_exc()
        error = f"{type(problem).__name__}: {problem}".splitlines()[0]
    seconds = time.perf_counter() - started
    main = task.metrics[0]
    meter.tell("task_done", error=error, seconds=seconds,
               scores={} if result is None else {main: result.metrics[main]})  # fmt: skip
    return _Scored(task, result, error, seconds, meter.seconds - before)
