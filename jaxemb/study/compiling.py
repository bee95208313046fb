"""What a training step takes of memory, as the compiler for this machine's devices plans it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.config import UsageError
from jaxemb.study.recipe import Recipe
from jaxemb.training import Train
from jaxemb.training.loop import computed_in
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, Program, start

_KINDS = {"label": jnp.int32, "score": jnp.float32, "weight": jnp.float32}


def compiled_bytes(recipe: Recipe) -> int | None:
    """Bytes on each device that the largest step of a recipe takes: state, batch and scratch.

    The step is compiled, not run, for texts as long as are read; of several negatives, for one. None
    where nothing is trained, or where the loss reads a column whose shape only the data tell.

    Example:
        >>> compiled_bytes(recipes.pair_retriever()) > 0
        True
    """
    stages = [stage.training for stage in recipe.stages if stage.learns]
    if not stages or recipe.network is None:
        return None
    found = [_bytes_of_step(recipe, stage) for stage in stages]
    return None if None in found else max(found)


def _bytes_of_step(recipe: Recipe, stage: Train) -> int | None:
    runtime, network = recipe.runtime, computed_in(recipe.network, recipe.runtime.dtype)
    batch = _largest(network, stage)
    if batch is None:
        return None
    optimizer, key = stage.optimizer.direction_alone, jax.random.key(0)

    def begun(params: Any) -> tuple[Any, Any]:
        moving, kept, memory, _ = start(network, stage.loss, stage.trains, params, batch, key)
        return create(moving, memory, optimizer.transform(moving), key), kept

    try:
        state, kept = jax.eval_shape(begun, network.shapes())
    except UsageError:  # a column is absent that the data add
        return None
    what = Compiles(network, stage.loss, stage.gradients, optimizer, stage.trains, runtime)
    plan = Program(what, state, kept).plan(batch)
    return None if plan is None else _total(plan)


def _largest(network: Any, stage: Train) -> dict[str, Any] | None:
    """A batch of the largest shapes; None where a column is of a kind that has no name here."""
    rows, batch = getattr(stage.data, "batch_size", None), {}
    if rows is None:
        return None
    for name in stage.data.columns:
        if name in stage.loss.reads:
            shapes = network.tower_of(name).largest(name, rows)
            several = (1,) if name.startswith("negatives") else ()
            batch[name] = jax.tree.map(
                lambda x, k=several: np.zeros((rows, *k, *x.shape[1:]), x.dtype), shapes
            )
        elif name.endswith("_id"):
            shape = (rows, 1) if name.startswith("negatives") else (rows,)
            batch[name] = np.arange(rows, dtype=np.int32).reshape(shape)
        elif name in _KINDS:
            batch[name] = np.zeros(rows, _KINDS[name])
        elif name in stage.loss.needs:
            return None
    return batch


def _total(plan: Any) -> int:
    """What is donated lies in the place of what comes out, and counts once."""
    held = plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
    return held + plan.temp_size_in_bytes
