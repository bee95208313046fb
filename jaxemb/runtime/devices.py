"""Devices: the only place that makes meshes. One step function runs under jit, pmap and fsdp.

`gather`, `mean` and `own_rows` are what a loss and a step say about devices. With `axis=None` (one
device, or `jit` with `NamedSharding`, where arrays are global) they are the identity; inside `pmap`
they are collectives over the named axis.
"""

import dataclasses
import functools
import math
import threading
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, Shaped

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.runtime.flops import peak_flops

DATA_AXIS = "data"
SMALLEST_SHARDED = 1024  # elements; splitting less than this costs more than it saves


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


def local_mesh(limit: int | None = None) -> Mesh:
    """One axis, `data`, over this process's devices, or its first `limit`: what asks no other process.

    Raises:
        UsageError: there are fewer devices than `limit`.
    """
    available = jax.local_devices()
    count = len(available) if limit is None else limit
    if not 1 <= count <= len(available):
        raise UsageError(f"devices={count}: this process has {len(available)} device(s).")
    return Mesh(np.array(available[:count]), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def place_rows(tree: Any, mesh: Mesh) -> Any:
    """Arrays whose rows are dealt out over the mesh in equal parts, in order."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(DATA_AXIS)))


def place_copies(tree: Any, mesh: Mesh) -> Any:
    """Arrays of which every device of the mesh holds the whole."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


class Copies:
    """A model's parameters on every device: placed by the first call that shares its work, then kept.

    They take the parameters' size on each further device for as long as the model lives. Other
    parameters, such as a model's whose tree was changed in place, are placed anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: list[Any] = []
        self._placed: Any = None

    def on(self, devices: int, tree: Any) -> Any:
        """A tree of arrays, whole on each of so many of this process's devices."""
        with self._lock:
            leaves = jax.tree.leaves(tree)
            if self._placed is not None and _same(leaves, self._of):
                return self._placed
            self._placed = None  # what is kept already makes room first
            placed = place_copies(tree, local_mesh(devices))
            # Arrays of other kinds may be written to: their copies serve this call alone.
            if all(isinstance(leaf, jax.Array) for leaf in leaves):
                self._placed, self._of = placed, leaves
            return placed

    def __reduce__(self) -> tuple:
        return Copies, ()  # a model that is pickled or copied deeply leaves them behind


def _same(leaves: list[Any], others: list[Any]) -> bool:
    """Whether these are the very same arrays."""
    pairs = zip(leaves, others, strict=False)
    return len(leaves) == len(others) and all(one is other for one, other in pairs)


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
        return Mesh(np.array(available[:count]), (DATA_AXIS,), axis_types=(AxisType.Auto,))

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
        sharding, processes = (
            NamedSharding(self.mesh, PartitionSpec(DATA_AXIS)),
            jax.process_count(),
        )
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(
                sharding, x, (len(x) * processes, *x.shape[1:])
            ),
            batch,
        )

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


_NUMERICS = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_default_matmul_precision": None,
    "jax_threefry_partitionable": True,
}
"""JAX's own settings that change numbers, and what they are where nobody sets them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime(Part):
    """Where and how a recipe is computed; no field changes a number beyond rounding except `dtype`.

    Args:
        devices: `Jit()` or `Pmap()`.
        parameters: `"replicate"`, or `"fsdp"` to split every large array over the devices.
        dtype: what activations are computed in; parameters and losses stay float32. `"float32"`
            leaves what the embedder's own parts say.
        checkpoint_every: steps between checkpoints.
    """

    devices: Devices = Jit()
    parameters: Literal["replicate", "fsdp"] = "replicate"
    dtype: Literal["float32", "bfloat16"] = "float32"
    checkpoint_every: Annotated[int, AtLeast(1)] = 100

    def __post_init__(self) -> None:
        if self.parameters not in ("replicate", "fsdp"):
            raise UsageError(f'parameters={self.parameters!r}: allowed are "replicate" and "fsdp".')
        if self.dtype not in ("float32", "bfloat16"):
            raise UsageError(f'dtype={self.dtype!r}: allowed are "float32" and "bfloat16".')
        if self.checkpoint_every < 1:
            raise UsageError(f"checkpoint_every={self.checkpoint_every} must be at least 1.")

    @property
    def changes(self) -> dict[str, str]:
        """What of it changes trained numbers beyond rounding, for fingerprints; `{}` by default."""
        dtype = {} if self.dtype == "float32" else {"dtype": self.dtype}
        said = {name: getattr(jax.config, name) for name in _NUMERICS}
        return dtype | {name: str(v) for name, v in said.items() if v != _NUMERICS[name]}

    def place(self, tree: Any) -> Any:
        """A copy of a training state on the devices, by the rule of `parameters`."""
        return self.devices.place(tree, self.parameters)

    def shardings(self, tree: Any) -> Any:
        """Where each array (or `jax.ShapeDtypeStruct`) of a training state lives."""
        return self.devices.shardings(tree, self.parameters)


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
