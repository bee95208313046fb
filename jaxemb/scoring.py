"""Score a trained model on tasks that it was not run with, or again on its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxemb import provenance
from jaxemb.config import UsageError, from_json, near_miss, to_json
from jaxemb.evaluation import Task, evaluate, flatten, folder_tasks, pydocs_tasks
from jaxemb.model import Embedding, load


def score(model: Path, data: Path | None = None, names: str | None = None) -> dict[str, Any]:
    """`{"model", "scores": {"task/metric": x}, "data", "embedder", "versions"}` of a model.

    Args:
        model: a run's folder, or a saved model's.
        data: a folder of sets with a manifest; by default the tasks of the run, or pydocs.
        names: only tasks of these names, separated by commas; a name followed by `/` stands for all
            tasks that begin so.

    Raises:
        UsageError: no such model, data or task.
    """
    loaded = load(model)
    tasks = _chosen(_tasks(model, data), names)
    return {
        "model": str(model),
        "scores": flatten(evaluate(Embedding(loaded), tasks)),
        "data": {task.name: task.fingerprint() for task in tasks},
        "embedder": to_json(loaded.embedder),
        "versions": provenance.versions(),
    }


def _tasks(model: Path, data: Path | None) -> Sequence[Task]:
    if data is not None:
        return folder_tasks(data)
    described = model / "run.json"
    if described.exists():
        return from_json(json.loads(described.read_text())["recipe"]).evaluation
    return pydocs_tasks()


def _chosen(tasks: Sequence[Task], names: str | None) -> list[Task]:
    if names is None:
        return list(tasks)
    chosen = []
    for name in names.split(","):
        found = [
            t for t in tasks if t.name == name or (name[-1:] == "/" and t.name.startswith(name))
        ]
        if not found:
            known = [task.name for task in tasks]
            listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise UsageError(f"There is no task '{name}'{near_miss(name, known)}; tasks: {listed}.")
        chosen += [task for task in found if task not in chosen]
    return chosen
