"""What a recipe takes, before anything runs: parameters and bytes per device, from shapes alone."""

import contextlib
import dataclasses
import functools
import math
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxemb.config import UsageError
from jaxemb.model import Network
from jaxemb.runtime import fsdp_spec
from jaxemb.study.recipe import Recipe
from jaxemb.training import Train
from jaxemb.training.loop import computed_in


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """What one training step of a recipe holds on each of `devices` devices, in bytes."""

    devices: int
    parameters: int
    optimizer: int
    gradients: int
    activations: int

    @property
    def total(self) -> int:
        """All of it; what the compiler adds as scratch is not counted."""
        return self.parameters + self.optimizer + self.gradients + self.activations


def stored(recipe: Recipe) -> int:
    """Bytes of the parameters and of the optimizer's state of one run, from shapes alone."""
    if recipe.network is None:
        return 0
    shapes = recipe.network.shapes()
    stages = [stage.training for stage in recipe.stages if stage.learns]
    return _bytes(shapes, 1) + max((_bytes(_optimizer(s, shapes), 1) for s in stages), default=0)


def available() -> int | None:
    """Bytes of memory that this machine can give now; None where the system does not say."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def check_memory(name: str, recipe: Recipe, room: int | None) -> None:
    """Refuse an arm whose parameters and optimizer state alone are more than the memory at hand.

    Raises:
        UsageError: they are; the message says how many bytes they take.
    """
    # What is far below needs no second look: no optimizer keeps ten numbers per parameter.
    if room is None or recipe.network is None or 10 * _bytes(recipe.network.shapes(), 1) < room:
        return
    taken = stored(recipe)
    if taken > room:
        raise UsageError(
            f"Arm {name} takes {taken:,} bytes of memory for its parameters and the optimizer's "
            f"state alone, and this machine has {room:,} available: make the model smaller."
        )


def need(recipe: Recipe, devices: int = 1, parameters: str = "replicate") -> Need:
    """Bytes per device, from shapes alone: nothing is computed, so any size can be asked about.

    Activations are what the backward pass of one piece keeps (a microbatch, a GradCache chunk), in
    the runtime's dtype; that blocks are recomputed, and several negatives per row, are not counted.

    Example:
        >>> need(recipes.pair_retriever(), devices=8, parameters="fsdp").total
    """
    shapes = recipe.network.shapes()
    split = devices if parameters == "fsdp" else 1
    stages = [stage.training for stage in recipe.stages if stage.learns]
    stored = _bytes(shapes, split)
    network = computed_in(recipe.network, recipe.runtime.dtype)
    if not stages:
        return Need(devices=devices, parameters=stored, optimizer=0, gradients=0, activations=0)
    return Need(
        devices=devices,
        parameters=stored,
        optimizer=max(_bytes(_optimizer(stage, shapes), split) for stage in stages),
        gradients=stored,
        activations=max(_activations(network, stage, devices) for stage in stages),
    )


def _bytes(tree: Any, devices: int) -> int:
    """Bytes per device of arrays that are split over devices as fsdp splits them."""
    total = 0
    for leaf in jax.tree.leaves(tree):
        is_split = devices > 1 and any(fsdp_spec(leaf.shape, devices))
        total += math.prod(leaf.shape) * leaf.dtype.itemsize // (devices if is_split else 1)
    return total


def _optimizer(stage: Train, shapes: Any) -> Any:
    def init(params: Any) -> Any:
        moved, _ = stage.trains.split(params, jax.random.key(0))
        return stage.optimizer.transform(moved).init(moved)

    return jax.eval_shape(init, shapes)


def _activations(network: Network, stage: Train, devices: int) -> int:
    """Bytes that the backward pass keeps of a piece's texts: what as many texts more would add."""
    columns = [name for name in stage.loss.reads if name in stage.data.columns]
    rows = max(1, stage.gradients.at_once(getattr(stage.data, "batch_size", 1)) // devices)
    reads = tuple((name, stage.loss.reads[name]) for name in columns)
    return _kept_bytes(network, reads, 2 * rows) - _kept_bytes(network, reads, rows)


@functools.lru_cache(maxsize=256)
def _kept_bytes(network: Network, reads: tuple[tuple[str, Any], ...], rows: int) -> int:
    """Bytes that the backward pass keeps of so many texts, and of what is kept once for all."""
    columns = dict(reads)

    def kept(params: Any, inputs: Any, keys: Any) -> Any:
        return jax.vjp(lambda p: network.embed(p, inputs, columns, keys), params)[1]

    inputs = {name: network.tower_of(name).largest(name, rows) for name in columns}
    each = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), rows))
    keys = dict.fromkeys(columns, each)
    return _plain_bytes(jax.eval_shape(kept, network.shapes(), inputs, keys))


def _plain_bytes(tree: Any) -> int:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if not _is_key(leaf)]
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
