"""Meshes, made only here, and arrays and programs on them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxemb.config import UsageError

DATA_AXIS = "data"


def mesh_over(devices: Sequence[jax.Device]) -> Mesh:
    """One axis, `data`, over these devices, in their order."""
    return Mesh(np.array(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def local_mesh(limit: int | None = None) -> Mesh:
    """One axis, `data`, over this process's devices, or its first `limit`: what asks no other process.

    Raises:
        UsageError: there are fewer devices than `limit`.
    """
    available = jax.local_devices()
    count = len(available) if limit is None else limit
    if not 1 <= count <= len(available):
        raise UsageError(f"devices={count}: this process has {len(available)} device(s).")
    return mesh_over(available[:count])


def place_rows(tree: Any, mesh: Mesh) -> Any:
    """Arrays whose rows are dealt out over the mesh in equal parts, in order."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(DATA_AXIS)))


def place_copies(tree: Any, mesh: Mesh) -> Any:
    """Arrays of which every device of the mesh holds the whole."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def on_every_device(function: Callable, mesh: Mesh, *, shared: int) -> Callable:
    """`function` compiled for each device by itself: nothing is exchanged between devices.

    A device gets the first `shared` arguments whole and its own rows of the others; the rows of what
    it returns are its part of the result.

    Example:
        >>> double = on_every_device(lambda factor, rows: factor * rows, local_mesh(1), shared=1)
        >>> double(2, jnp.arange(3)).tolist()
        [0, 2, 4]
    """
    whole, rows = PartitionSpec(), PartitionSpec(DATA_AXIS)

    def split(*arguments: Any) -> Any:
        specs = tuple(whole if n < shared else rows for n in range(len(arguments)))
        # Each device computes alone, so there is nothing for the check of replication to check.
        mapped = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=rows, check_vma=False)
        return mapped(*arguments)

    return jax.jit(split)
