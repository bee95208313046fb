"""What a model is scored on: suites, folders, the tasks of its run."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jaxemb.config import UsageError, conform, from_json, near_miss
from jaxemb.evaluation import Suite, Task, folder_suite, pydocs_tasks, reaches, suite
from jaxemb.model import Model
from jaxemb.study.recipe import Recipe
from jaxemb.study.run_files import read_run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What a model is to be scored on, and how.

    Args:
        suite: a suite's name or a path, as `jaxemb.evaluation.suite` takes them; without it the
            tasks of the model's run, or pydocs.
        data: the folder of the suite's sets; without a suite, a folder of sets itself.
        names: only tasks of these names; a name followed by `/` stands for all that begin so.
        families: only sets of these families.
        max_tokens: cut texts here, below the suite's own limit.
        store: keep vectors on disk and take them from there.
        out: a folder for the results and their records.
        trained_on: a run whose training texts are looked for among the tasks' texts.
    """

    suite: str | None = None
    data: Path | None = None
    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    max_tokens: int | None = None
    store: bool = True
    out: Path | None = None
    trained_on: Path | None = None


def chosen_suite(model: Path, loaded: Model, choice: Choice) -> Suite:
    """The tasks chosen, without those that ask for layers or dimensions that the model lacks.

    Raises:
        UsageError: no such suite, family or task.
    """
    whole = _suite(model, choice)
    tasks = _named(whole.tasks, choice.names)
    if loaded.embedder is None:
        return dataclasses.replace(whole, tasks=tasks)
    size = loaded.embedder.layers, loaded.dim
    return dataclasses.replace(whole, tasks=tuple(t for t in tasks if reaches(t, *size)))


def _suite(model: Path, choice: Choice) -> Suite:
    if choice.suite is not None:
        return suite(choice.suite, families=choice.families, folder=choice.data)
    if choice.data is not None:
        return folder_suite(choice.data, choice.families)
    if choice.families:
        raise UsageError("--families chooses among the sets of a suite; name a suite with --suite.")
    described = model / "run.json"
    if described.exists():
        recipe = conform(from_json(read_run(model)["recipe"]), Recipe, "recipe")
        return Suite("run", recipe.evaluation)
    return Suite("pydocs", pydocs_tasks())


def _named(tasks: Sequence[Task], names: Sequence[str]) -> list[Task]:
    if not names:
        return list(tasks)
    chosen = []
    for name in names:
        found = [
            t
            for t in tasks
            if t.name == name or (name[-1:] == "/" and t.name.startswith(name[:-1]))
        ]
        if not found:
            known = [task.name for task in tasks]
            listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise UsageError(f"There is no task '{name}'{near_miss(name, known)}; tasks: {listed}.")
        chosen += [task for task in found if task not in chosen]
    return chosen
