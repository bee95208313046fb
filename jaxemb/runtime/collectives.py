"""What a loss and a step say about devices.

With `axis=None` (one device, or `jit` with `NamedSharding`, where arrays are global) these are the
identity; inside `pmap` they are collectives over the named axis.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Shaped


def gather(x: Shaped[Array, "rows *rest"], axis: str | None) -> Shaped[Array, "all_rows *rest"]:
    """Rows of every device, in the order of the global batch."""
    return x if axis is None else jax.lax.all_gather(x, axis, tiled=True)


def mean(x: Any, axis: str | None) -> Any:
    """Mean over devices of every array in a tree."""
    return x if axis is None else jax.lax.pmean(x, axis)


def own_rows(rows: int, axis: str | None) -> Int[Array, " rows"]:
    """Where this device's rows sit in the global batch."""
    first = 0 if axis is None else jax.lax.axis_index(axis) * rows
    return first + jnp.arange(rows)
