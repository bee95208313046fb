"""How a step is laid out over devices: one step function runs under jit, pmap and fsdp."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.runtime.flops import peak_flops
from jaxemb.runtime.meshes import DATA_AXIS, mesh_over

SMALLEST_SHARDED = 1024  # elements; splitting less than this costs more than it saves


class Devices(Part):
    """Slot: how a step is laid out over devices.

    `limit=None` takes every device of every process; a number takes the first so many.
    """

    axis: ClassVar[str | None] = None
    limit: int | None

    @property
    def mesh(self) -> Mesh:
        """One axis, `data`, over the chosen devices."""
        available = sorted(jax.devices(), key=lambda device: device.process_index)
        count = len(available) if self.limit is None else self.limit
        if not 1 <= count <= len(available):
            raise UsageError(f"limit={count}: this machine has {len(available)} device(s).")
        left_out = set(range(jax.process_count())) - {d.process_index for d in available[:count]}
        if left_out:
            raise UsageError(
                f"limit={count} leaves process {min(left_out)} without a device: "
                "several processes compute on all of theirs, with limit=None."
            )
        # A process's own side by side, and else as JAX has them: rows are dealt out in this order.
        return mesh_over(available[:count])

    @property
    def count(self) -> int:
        """How many devices share a batch."""
        return self.mesh.size

    @property
    def peak(self) -> float | None:
        """FLOP/s that the chosen devices can do together; None where a kind of them is not known."""
        each = [peak_flops(device.device_kind) for device in self.mesh.devices.flat]
        return None if None in each else sum(each)

    def check_rows(self, rows: int) -> None:
        """Raises UsageError unless the batch divides evenly over the devices."""
        if rows % self.count:
            raise UsageError(
                f"A batch of {rows} rows does not divide over {self.count} devices; "
                f"the nearest batch sizes are {_multiples(rows, self.count)}."
            )

    def shardings(self, tree: Any, parameters: str) -> Any:
        """Where each array of a training state lives."""
        raise TypeError(f"{type(self).__name__} must define shardings(tree, parameters)")

    def place_batch(self, batch: Any) -> Any:
        """Puts a host batch on the devices: of several processes, each gives its own rows."""
        raise TypeError(f"{type(self).__name__} must define place_batch(batch)")

    def mapped(self, step: Callable, state_shardings: Any, kept_shardings: Any) -> Callable:
        """`step(state, kept, rate, batch) -> (state, metrics)` over the devices.

        The state is donated; `kept` is not, and stays where it is.
        """
        raise TypeError(f"{type(self).__name__} must define mapped(step, state, kept)")

    def compiled(self, mapped: Callable, *arguments: Any) -> Callable:
        """What `mapped` gave, compiled for arrays like these."""
        return mapped.lower(*arguments).compile()

    def place(self, tree: Any, parameters: str = "replicate") -> Any:
        """A copy of a state's arrays on these devices; the caller's arrays stay valid."""
        return _copy(tree, self.shardings(tree, parameters))

    def to_save(self, tree: Any) -> Any:
        """A state as arrays that every process knows whole, which is what a checkpoint takes."""
        return tree

    def collect(self, tree: Any) -> Any:
        """A copy of the whole arrays on this process's first device, whatever their sharding."""
        whole = NamedSharding(self.mesh, PartitionSpec())
        gathered = _copy(tree, jax.tree.map(lambda _: whole, tree))
        return jax.tree.map(lambda x: jnp.array(np.asarray(x.addressable_data(0))), gathered)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Jit(Devices):
    """`jax.jit` over global arrays with `NamedSharding`; the compiler inserts the collectives.

    The only strategy that can shard parameters (`Runtime(parameters="fsdp")`).

    Example:
        >>> Runtime(devices=Jit(), parameters="fsdp")
    """

    limit: Annotated[int, AtLeast(1)] | None = None

    def shardings(self, tree: Any, parameters: str) -> Any:
        """Replicated, or split as `fsdp_spec` says."""
        mesh = self.mesh
        if parameters == "replicate":
            return jax.tree.map(lambda _: NamedSharding(mesh, PartitionSpec()), tree)
        return jax.tree.map(lambda x: NamedSharding(mesh, fsdp_spec(x.shape, mesh.size)), tree)

    def place_batch(self, batch: Any) -> Any:
        """Rows are split over the devices; each process contributes its own."""
        sharding = NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))
        processes = jax.process_count()

        def placed(x: np.ndarray) -> jax.Array:
            whole = (len(x) * processes, *x.shape[1:])
            return jax.make_array_from_process_local_data(sharding, x, whole)

        return jax.tree.map(placed, batch)

    def mapped(self, step: Callable, state_shardings: Any, kept_shardings: Any) -> Callable:
        """The step, compiled for these shardings."""
        mesh = self.mesh
        replicated = NamedSharding(mesh, PartitionSpec())
        return jax.jit(
            step,
            in_shardings=(
                state_shardings,
                kept_shardings,
                replicated,
                NamedSharding(mesh, PartitionSpec(DATA_AXIS)),
            ),
            out_shardings=(state_shardings, replicated),
            donate_argnums=0,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pmap(Devices):
    """`jax.pmap`: one program per device, parameters on each of them.

    The state goes in and comes out as plain replicated arrays (`in_axes=None`, `out_axes=None`), so
    nothing is ever stacked or unstacked by a leading device axis.

    Example:
        >>> Runtime(devices=Pmap())
    """

    axis: ClassVar[str | None] = DATA_AXIS
    limit: Annotated[int, AtLeast(1)] | None = None

    def shardings(self, tree: Any, parameters: str) -> Any:
        """Replicated; pmap cannot do anything else."""
        if parameters != "replicate":
            raise UsageError('Pmap keeps every parameter on every device; "fsdp" needs Jit().')
        mesh = self.mesh
        return jax.tree.map(lambda _: NamedSharding(mesh, PartitionSpec()), tree)

    def place_batch(self, batch: Any) -> Any:
        """This process's rows `[b, ...]` become `[local devices, b / local devices, ...]`."""
        local = len(self.mesh.local_devices)
        return jax.tree.map(lambda x: _split(x, local), batch)

    def mapped(self, step: Callable, state_shardings: Any, kept_shardings: Any) -> Callable:
        """The step, one replica for each device."""
        return jax.pmap(
            step,
            axis_name=DATA_AXIS,
            in_axes=(None, None, None, 0),
            out_axes=None,
            devices=list(self.mesh.devices.flat),
            donate_argnums=0,
        )

    def compiled(self, mapped: Callable, *arguments: Any) -> Callable:
        """Compiled ahead, except over several processes, where pmap does that at its first call."""
        return super().compiled(mapped, *arguments) if jax.process_count() == 1 else mapped

    def to_save(self, tree: Any) -> Any:
        """Over several processes pmap returns arrays of this process's devices: all hold the same."""
        if jax.process_count() == 1:
            return tree
        return _copy(tree, self.shardings(tree, "replicate"))


def fsdp_spec(shape: tuple[int, ...], devices: int) -> PartitionSpec:
    """The largest dimension that divides over the devices is split; small arrays are replicated."""
    divisible = [d for d, size in enumerate(shape) if size % devices == 0 and size >= devices]
    if math.prod(shape) < SMALLEST_SHARDED or not divisible:
        return PartitionSpec()
    split = max(divisible, key=lambda d: shape[d])
    return PartitionSpec(*(DATA_AXIS if d == split else None for d in range(len(shape))))


def _copy(tree: Any, shardings: Any) -> Any:
    leaves, structure = jax.tree.flatten(shardings)
    return _copier(structure, tuple(leaves))(_host(tree))


@functools.lru_cache(maxsize=64)
def _copier(structure: Any, shardings: tuple) -> Callable:
    """One program for all copies to the same places: every evaluation makes one."""
    places = jax.tree.unflatten(structure, shardings)
    # jnp.copy, because jit hands an untouched input through and the step then donates it away.
    return jax.jit(lambda t: jax.tree.map(jnp.copy, t), out_shardings=places)


def _host(tree: Any) -> Any:
    """Arrays of one process's device as numpy, which jit accepts beside arrays of any mesh."""

    def plain(x):
        return np.asarray(x) if getattr(x, "is_fully_addressable", True) else x

    return jax.tree.map(plain, tree)


def _split(x: np.ndarray, parts: int) -> np.ndarray:
    return x.reshape(parts, len(x) // parts, *x.shape[1:])


def _multiples(rows: int, count: int) -> str:
    below, above = rows // count * count, -(-rows // count) * count
    return f"{below} and {above}" if below else str(above)
