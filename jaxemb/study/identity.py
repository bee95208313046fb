"""What tells one arm from another: its recipe, and the data that it reads."""

import dataclasses
import itertools
from collections.abc import Container

from jaxemb.config import fingerprint, from_json
from jaxemb.study.recipe import Recipe


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
    read = [(stage.name, stage.dataset) for stage in recipe.stages]
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
