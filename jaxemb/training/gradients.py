"""How a batch's gradient is made: at once, in microbatches, from cached vectors, by recomputing."""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import AtLeast, Part, UsageError, smaller
from jaxemb.training.objective import Examples, Moving, Objective, Value

# ((loss, Value), gradients), as `jax.value_and_grad(..., has_aux=True)` gives them.
Result = tuple[tuple[Float32[Array, ""], Value], Moving]


class GradientMethod(Part):
    """Slot: an objective's value and gradient. The step averages gradients over devices."""

    def __call__(
        self, objective: Objective, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """`((loss, Value), gradients)` of one batch; `key` is the loss's."""
        raise TypeError(f"{type(self).__name__} must define __call__")

    def check(self, rows: int, devices: int) -> None:
        """Raises UsageError if a batch of `rows` on so many devices cannot be cut as asked."""

    def together(self, rows: int) -> int:
        """Of a batch of `rows`, how many the loss sees at a time, and so can set against each other."""
        return rows

    def at_once(self, rows: int) -> int:
        """Of a batch of `rows`, how many have their activations in memory at a time."""
        return rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Full(GradientMethod):
    """The whole batch at once.

    Example:
        >>> Train(data=..., loss=..., optimizer=..., gradients=Full())
    """

    def __call__(
        self, objective: Objective, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """`jax.value_and_grad` of embedding and loss."""

        def loss(moving: Moving):
            found = objective.embed(moving.network, examples)
            return objective.value(moving.loss, found, examples, key)

        return jax.value_and_grad(loss, has_aux=True)(moving)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Microbatch(GradientMethod):
    r"""The gradient of `pieces` smaller batches, one after the other.

    $$L = \sum_t \frac{\sum_m \sum_{i \in m} v_{ti} w_{ti}}{\sum_m \sum_{i \in m} w_{ti}}$$

    so that rows with uneven weights count as they do in the whole batch. Equals the whole batch
    only for losses without in-batch candidates: a row is compared with the rows of its own piece.
    Piece `m` holds the global rows `m, m + pieces, ...`, so that it is the same piece on any number
    of devices. A loss's memory goes from piece to piece.

    Args:
        pieces: how many.
        inner: how each piece's gradient is made.

    Example:
        >>> Microbatch(pieces=4)
    """

    pieces: Annotated[int, AtLeast(1)]
    inner: GradientMethod = Full()

    def __post_init__(self) -> None:
        if self.pieces < 1:
            raise UsageError(f"pieces={self.pieces} must be at least 1.")

    def __call__(
        self, objective: Objective, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """Sums over a scan, each term divided by its weight in the whole batch."""
        pieces = (jnp.arange(self.pieces), strided(examples, self.pieces))
        objective = dataclasses.replace(
            objective, totals=self._totals(objective, moving, pieces, key)
        )

        def add(carried: tuple[Any, Any], piece: tuple[Array, Examples]):
            total, memory = carried
            number, rows = piece
            own = dataclasses.replace(objective, memory=memory)
            (loss, value), slope = self.inner(own, moving, rows, jax.random.fold_in(key, number))
            return (jax.tree.map(jnp.add, total, (loss, value.parts, slope)), value.memory), None

        first = jax.tree.map(lambda x: x[0], pieces[1])
        shapes = jax.eval_shape(lambda: self.inner(objective, moving, first, key))
        (loss, value), slope = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        start = ((loss, value.parts, slope), objective.memory)
        ((loss, parts, slope), memory), _ = jax.lax.scan(add, start, pieces)
        return (loss, Value(parts, memory)), slope

    def _totals(
        self, objective: Objective, moving: Moving, pieces: tuple[Array, Examples], key: Any
    ) -> dict[str, Array]:
        def weigh(piece: tuple[Array, Examples]) -> dict[str, Array]:
            number, rows = piece
            return objective.weights(moving, rows, jax.random.fold_in(key, number))

        each = jax.lax.stop_gradient(jax.lax.map(weigh, pieces))
        return jax.tree.map(lambda x: jnp.sum(x, axis=0), each)

    def check(self, rows: int, devices: int) -> None:
        """Every device's rows divide into `pieces`, and each piece as `inner` asks."""
        _check_pieces(rows, devices, self.pieces, f"{self.pieces} pieces")
        self.inner.check(rows // self.pieces, devices)

    def together(self, rows: int) -> int:
        """Those of a piece."""
        return self.inner.together(rows // self.pieces)

    def at_once(self, rows: int) -> int:
        """Those of a piece, as `inner` takes them."""
        return self.inner.at_once(rows // self.pieces)

    def small(self) -> "Microbatch":
        return smaller(self, pieces=2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradCache(GradientMethod):
    r"""The whole batch's exact gradient with the activations of `chunk` rows at a time in memory.

    Embeds all chunks and keeps what the loss reads only; takes the loss's gradient by that; embeds
    each chunk again and pulls its gradient back:

    $$\nabla_\theta L = \sum_c \Big(\frac{\partial x_c}{\partial \theta}\Big)^{\!\top}
    \frac{\partial L}{\partial x_c}$$

    Dropout keys belong to rows, so both passes draw the same. Costs one more forward pass.

    Args:
        chunk: rows embedded at a time, over all devices.

    Example:
        >>> GradCache(chunk=32)

    Reference: Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup,
    arXiv:2101.06983.
    """

    chunk: Annotated[int, AtLeast(1)]

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise UsageError(f"chunk={self.chunk} must be at least 1.")

    def __call__(
        self, objective: Objective, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """Two passes over the chunks around the gradient of the loss by what it reads."""
        # Every device cuts its rows into as many chunks as the global batch has.
        pieces = self._pieces(examples, objective.axis)
        chunks = strided(examples._replace(labels={}), pieces)
        cached = jax.lax.map(lambda chunk: objective.embed(moving.network, chunk), chunks)
        numbers, others, structure = _numbers_apart(cached)

        def loss(own: Any, numbers: list[Array]):
            found = joined(_put_together(numbers, others, structure))
            return objective.value(own, found, examples, key)

        by_both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        value, (of_loss, cotangents) = by_both(moving.loss, numbers)

        def add(total: Any, chunk: Any):
            rows, cotangent = chunk

            def read(network: Any) -> list[Array]:
                return _numbers_apart(objective.embed(network, rows))[0]

            _, pull = jax.vjp(read, moving.network)
            return jax.tree.map(jnp.add, total, pull(cotangent)[0]), None

        zeros = jax.tree.map(jnp.zeros_like, moving.network)
        return value, Moving(jax.lax.scan(add, zeros, (chunks, cotangents))[0], of_loss)

    def _pieces(self, examples: Examples, axis: str | None) -> int:
        devices = 1 if axis is None else jax.lax.axis_size(axis)
        return _rows(examples) * devices // self.chunk

    def check(self, rows: int, devices: int) -> None:
        """The batch divides into chunks and every chunk over the devices."""
        if rows % self.chunk:
            raise UsageError(f"A batch of {rows} rows does not divide into chunks of {self.chunk}.")
        if self.chunk % devices:
            raise UsageError(
                f"A chunk of {self.chunk} rows does not divide over {devices} devices."
            )

    def at_once(self, rows: int) -> int:
        """Those of a chunk."""
        return min(self.chunk, rows)

    def small(self) -> "GradCache":
        return smaller(self, chunk=4)


def _numbers_apart(tree: Any) -> tuple[list[Array], list[Array], Any]:
    """The leaves that have a gradient, the others (masks, ids), and how they fit together."""
    leaves, structure = jax.tree.flatten(tree)
    real = tuple(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves)
    numbers = [leaf for leaf, is_real in zip(leaves, real, strict=True) if is_real]
    others = [leaf for leaf, is_real in zip(leaves, real, strict=True) if not is_real]
    return numbers, others, (structure, real)


def _put_together(numbers: list[Array], others: list[Array], structure: Any) -> Any:
    tree, real = structure
    numbers, others = iter(numbers), iter(others)
    return jax.tree.unflatten(tree, [next(numbers if is_real else others) for is_real in real])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rematerialize(GradientMethod):
    """Keeps only the input of each block of the encoder and computes the rest again going back.

    Args:
        inner: how the gradient is made otherwise.

    Example:
        >>> Rematerialize(inner=GradCache(chunk=64))

    Reference: Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.
    """

    inner: GradientMethod = Full()

    def __call__(
        self, objective: Objective, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """The inner method over a network that keeps less."""
        network = objective.network.checkpointed()
        return self.inner(dataclasses.replace(objective, network=network), moving, examples, key)

    def check(self, rows: int, devices: int) -> None:
        """As `inner`."""
        self.inner.check(rows, devices)

    def together(self, rows: int) -> int:
        """As `inner`."""
        return self.inner.together(rows)

    def at_once(self, rows: int) -> int:
        """As `inner`, though of these only the blocks' inputs are kept."""
        return self.inner.at_once(rows)


def strided(tree: Any, pieces: int) -> Any:
    """`[rows, ...]` to `[pieces, rows / pieces, ...]`; piece `m` holds rows `m, m + pieces, ...`.

    Strided, not contiguous: a contiguous piece of a sharded batch would live on one device.
    """

    def cut(x: Array) -> Array:
        return jnp.moveaxis(x.reshape(-1, pieces, *x.shape[1:]), 1, 0)

    return jax.tree.map(cut, tree)


def joined(tree: Any) -> Any:
    """The inverse of `strided`."""
    return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(-1, *x.shape[2:]), tree)


def _rows(examples: Examples) -> int:
    return next(iter(examples.inputs.values())).lead[0]


def _check_pieces(rows: int, devices: int, pieces: int, what: str) -> None:
    if rows % (devices * pieces):
        raise UsageError(
            f"A batch of {rows} rows on {devices} device(s) does not divide into {what}: "
            f"it must be a multiple of {devices * pieces}."
        )
