"""Computing a block again in the backward pass, so that only its input is kept in memory."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import lift


def recomputed(function: Callable[..., Any], *, parameters: int = 0) -> Callable[..., Any]:
    """The same function, of which the backward pass keeps the arguments and nothing else.

    `jax.checkpoint` says so too, but on CPU the compiler drops the barrier that keeps the second
    computation from being done at once, beside the first, with all its memory. Here it depends on
    the gradient that comes back: of eight blocks, one is in memory at a time.

    Args:
        parameters: how many of the first arguments are there all the time anyway.

    Example:
        >>> square = recomputed(lambda x: jnp.sin(x) ** 2)
        >>> round(float(jax.grad(square)(1.0)), 4) == round(float(jnp.sin(2.0)), 4)
        True

    Reference: Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.
    """

    @jax.custom_vjp
    def run(*args: Any) -> Any:
        return function(*args)

    def forward(*args: Any) -> tuple[Any, tuple]:
        return function(*args), args

    def backward(args: tuple, slope: Any) -> tuple:
        first, rest = args[:parameters], args[parameters:]
        _, pull = jax.vjp(function, *first, *_after(rest, slope))
        return pull(slope)

    run.defvjp(forward, backward)
    return run


def _after(args: tuple, slope: Any) -> tuple:
    """The arguments, which are there only once the gradient is; without a gradient they are lost.

    A barrier does the same where the compiler heeds it, and costs nothing there.
    """
    if jax.default_backend() != "cpu":
        return jax.lax.optimization_barrier((args, slope))[0]
    floats = [x for x in jax.tree.leaves(slope) if jnp.issubdtype(x.dtype, jnp.floating)]
    lost = jnp.isnan(sum(jnp.sum(x) for x in floats))

    def tied(x: Any) -> Any:
        is_real = jnp.issubdtype(x.dtype, jnp.floating)
        return jnp.where(lost, jnp.asarray(jnp.nan, x.dtype), x) if is_real else x

    return jax.tree.map(tied, args)


def recomputed_module(call: Callable[..., Any]) -> Callable[..., Any]:
    """`recomputed` for a function of a Linen module and arrays; its variables are arguments too."""

    def transform(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        def inner(scope_of: Callable, pack: Callable, variables: Any, keys: Any, *args: Any) -> Any:
            def pure(variables: Any, *args: Any) -> Any:
                scope = scope_of(variables, keys)
                return function(scope, *args), pack(scope)

            return recomputed(pure, parameters=1)(variables, *args)

        return lift.pack(inner, (True,), (True,), (True,), name="recomputed")

    return nn.transforms.lift_transform(transform, call)
