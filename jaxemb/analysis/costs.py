"""What a recipe costs, from shapes alone: parameters, and the FLOPs of its matrix products."""

import functools
import math
from typing import Any

import jax

from jaxemb.losses import Reading
from jaxemb.model import Network
from jaxemb.runtime.flops import PASSES, product_flops
from jaxemb.training import Train


def of_recipe(recipe: Any) -> dict[str, int | None]:
    """`{"parameters", "flops"}`; None where no model is involved.

    FLOPs are at most those of training: forward and backward passes of every step with every text
    as long as the limit allows, `2 m n k` for a product of `[m, k]` by `[k, n]`. Batches of shorter
    texts cost less; a run counts its own and says so in `run.json`. Closed-form stages, evaluation,
    the loss itself and recomputed activations are left out.

    Example:
        >>> from jaxemb import recipes
        >>> of_recipe(recipes.static_bag())["flops"]
        0
    """
    network = recipe.network
    if network is None:
        return {"parameters": None, "flops": None}
    trainings = [stage.training for stage in recipe.stages if stage.learns]
    return {
        "parameters": sum(parameters(network).values()),
        "flops": sum(training_flops(network, training) for training in trainings),
    }


def parameters(network: Network) -> dict[str, int]:
    """How many numbers each part of a network learns, by the part's slot or the tower's name."""
    return {
        slot: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
        for slot, tree in network.shapes().items()
    }


def training_flops(network: Network, training: Train) -> int:
    """FLOPs of all steps of a training stage, at most: with every text as long as the limit."""
    columns = [name for name in training.loss.reads if name in training.data.columns]
    rows = getattr(training.data, "batch_size", 1)
    each = sum(column_flops(network, name, training.loss.reads[name]) for name in columns)
    return PASSES * training.budget.count(training.data) * rows * each


def column_flops(network: Network, column: str, reading: Reading) -> int:
    """FLOPs of embedding one of the largest inputs of a column, such as the longest text."""
    inputs = {column: network.tower_of(column).largest(column)}
    shapes = tuple((x.shape, str(x.dtype)) for x in jax.tree.leaves(inputs))
    known, key = _known_flops(network), (network.name_of(column), reading, shapes)

    def embed(params: Any, inputs: Any) -> Any:
        return network.embed(params, inputs, {column: reading})

    if key not in known:
        known[key] = product_flops(embed, network.shapes(), inputs)
    return known[key]


@functools.lru_cache(maxsize=64)
def _known_flops(network: Network) -> dict[tuple, int]:
    """What one tower's columns of a shape cost: in whatever stage and by whatever name, the same."""
    return {}
