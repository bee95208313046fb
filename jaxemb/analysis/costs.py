"""What a recipe costs, from shapes alone: parameters, and the FLOPs of its matrix products."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jaxemb.losses import Reading
from jaxemb.model import Network
from jaxemb.training import Train

# The backward pass multiplies each matrix twice where the forward pass does once.
PASSES = 3


def of_recipe(recipe: Any) -> dict[str, int | None]:
    """`{"parameters", "flops"}`; None where no model is involved.

    FLOPs are those of training: forward and backward passes of every step at the full length of
    the batch, `2 m n k` for a product of `[m, k]` by `[k, n]`. Closed-form stages, evaluation, the
    loss itself and recomputed activations are left out.

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
    """FLOPs of all steps of a training stage."""
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


def product_flops(function: Callable, *shapes: Any) -> int:
    """FLOPs of the matrix products and convolutions of a function of arrays of these shapes.

    Example:
        >>> x = jax.ShapeDtypeStruct((2, 3), jnp.float32)
        >>> product_flops(lambda x: x @ x.T, x)
        24
    """
    return _flops(jax.make_jaxpr(function)(*shapes).jaxpr)


def _flops(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        match equation.primitive.name:
            case "dot_general":
                total += _dot(equation)
            case "ragged_dot_general":
                total += _grouped(equation)
            case "conv_general_dilated":
                total += _convolution(equation)
            case "cond":
                total += max(_flops(branch.jaxpr) for branch in equation.params["branches"])
            case _:
                # A loop whose length is only known when it runs counts as one turn.
                turns = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
                total += turns * sum(map(_flops, _inner(equation.params)))
    return total


def _inner(params: dict[str, Any]) -> Iterator[Any]:
    """The programs that an operation holds, such as the body of a scan."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                yield inner


def _dot(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[d] for d in contracted)


def _grouped(equation: Any) -> int:
    """Of rows that each are multiplied with the matrix of their group alone."""
    numbers = equation.params["ragged_dot_dimension_numbers"]
    (contracted, _), _ = numbers.dot_dimension_numbers
    left, result = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    # Where rows are summed over, each adds to the matrix of its group only.
    groups = result[0] if set(numbers.lhs_ragged_dimensions) & set(contracted) else 1
    return 2 * math.prod(result) * math.prod(left[d] for d in contracted) // groups


def _convolution(equation: Any) -> int:
    kernel = equation.invars[1].aval.shape
    features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    return 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) // features
