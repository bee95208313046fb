"""FLOPs of the matrix products of a function, counted from shapes: nothing is computed."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax

# The backward pass multiplies each matrix twice where the forward pass does once.
PASSES = 3


PEAKS = {
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "V100": 125e12,
    "T4": 65e12,
    "TPU v2": 22.5e12,
    "TPU v3": 61.5e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
}
"""FLOP/s of one device in dense products of 16-bit numbers, as its maker gives them (of TPU v2 and
v3, a JAX device is one of a chip's two cores)."""


def peak_flops(kind: str) -> float | None:
    """FLOP/s that a device of a kind, as JAX calls it, can do; None of one that is not known.

    Example:
        >>> peak_flops("NVIDIA H100 80GB HBM3"), peak_flops("TPU v5 lite"), peak_flops("cpu")
        (989000000000000.0, 197000000000000.0, None)
    """
    words = f" {kind} "
    named = [name for name in PEAKS if f" {name} " in words.replace("-", " ")]
    return PEAKS[max(named, key=len)] if named else None


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
    for equation in _read(jaxpr):
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


def _read(jaxpr: Any) -> Iterator[Any]:
    """The operations whose results something reads: a compiler leaves the others out."""
    wanted = {id(x) for x in jaxpr.outvars}
    for equation in reversed(jaxpr.eqns):
        if equation.effects or any(id(x) in wanted for x in equation.outvars):
            wanted.update(id(x) for x in equation.invars)
            yield equation


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
