"""How a batch's gradient is made: at once, in microbatches, from cached vectors, by recomputing."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import Part, UsageError
from jaxemb.training.objective import Examples, Objective

# ((loss, terms), gradients), as `jax.value_and_grad(..., has_aux=True)` gives them.
Result = tuple[tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]], Any]


class GradientMethod(Part):
    """Slot: an objective's value and gradient. The step averages gradients over devices."""

    def __call__(
        self, objective: Objective, params: Any, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """`((loss, terms), gradients)` of one batch; `key` is the loss's."""
        raise TypeError(f"{type(self).__name__} must define __call__")

    def check(self, rows: int, devices: int) -> None:
        """Raises UsageError if a batch of `rows` on so many devices cannot be cut as asked."""

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
        self, objective: Objective, params: Any, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """`jax.value_and_grad` of embedding and loss."""

        def loss(params: Any):
            return objective.value(objective.embed(params, examples), examples, key)

        return jax.value_and_grad(loss, has_aux=True)(params)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Microbatch(GradientMethod):
    """The mean of the gradients of `pieces` smaller batches, one after the other.

    Equals the whole batch only for losses without in-batch candidates: a row is compared with the
    rows of its own piece. Piece `m` holds the global rows `m, m + pieces, ...`, so that it is the
    same piece on any number of devices.

    Args:
        pieces: how many.
        inner: how each piece's gradient is made.

    Example:
        >>> Microbatch(pieces=4)
    """

    pieces: int
    inner: GradientMethod = Full()

    def __post_init__(self) -> None:
        if self.pieces < 1:
            raise UsageError(f"pieces={self.pieces} must be at least 1.")

    def __call__(
        self, objective: Objective, params: Any, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """Sums over a scan, divided by `pieces`."""

        def add(total: Any, piece: tuple[Array, Examples]):
            number, rows = piece
            result = self.inner(objective, params, rows, jax.random.fold_in(key, number))
            return jax.tree.map(jnp.add, total, result), None

        pieces = (jnp.arange(self.pieces), strided(examples, self.pieces))
        first = jax.tree.map(lambda x: x[0], pieces[1])
        shapes = jax.eval_shape(lambda: self.inner(objective, params, first, key))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        total, _ = jax.lax.scan(add, zeros, pieces)
        return jax.tree.map(lambda x: x / self.pieces, total)

    def check(self, rows: int, devices: int) -> None:
        """Every device's rows divide into `pieces`, and each piece as `inner` asks."""
        _check_pieces(rows, devices, self.pieces, f"{self.pieces} pieces")
        self.inner.check(rows // self.pieces, devices)

    def at_once(self, rows: int) -> int:
        """Those of a piece, as `inner` takes them."""
        return self.inner.at_once(rows // self.pieces)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradCache(GradientMethod):
    r"""The whole batch's exact gradient with the activations of `chunk` rows at a time in memory.

    Embeds all chunks and keeps the vectors only; takes the loss's gradient by the vectors; embeds
    each chunk again and pulls its vectors' gradient back:

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

    chunk: int

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise UsageError(f"chunk={self.chunk} must be at least 1.")

    def __call__(
        self, objective: Objective, params: Any, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """Two passes over the chunks around the gradient of the loss by the vectors."""
        # Every device cuts its rows into as many chunks as the global batch has.
        pieces = self._pieces(examples, objective.axis)
        chunks = strided(examples._replace(labels={}), pieces)
        cached = jax.lax.map(lambda chunk: objective.embed(params, chunk), chunks)

        def loss(cached: Any):
            return objective.value(joined(cached), examples, key)

        value, cotangents = jax.value_and_grad(loss, has_aux=True)(cached)

        def add(total: Any, chunk: Any):
            rows, cotangent = chunk
            _, pull = jax.vjp(lambda params: objective.embed(params, rows), params)
            return jax.tree.map(jnp.add, total, pull(cotangent)[0]), None

        zeros = jax.tree.map(jnp.zeros_like, params)
        return value, jax.lax.scan(add, zeros, (chunks, cotangents))[0]

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rematerialize(GradientMethod):
    """Keeps only what is named `block` (each block's output) and recomputes the rest going back.

    Args:
        inner: how the gradient is made otherwise.

    Example:
        >>> Rematerialize(inner=GradCache(chunk=64))

    Reference: Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.
    """

    inner: GradientMethod = Full()

    def __call__(
        self, objective: Objective, params: Any, examples: Examples, key: Key[Array, ""]
    ) -> Result:
        """The inner method over an objective that saves less."""
        policy = jax.checkpoint_policies.save_only_these_names("block")
        return self.inner(dataclasses.replace(objective, policy=policy), params, examples, key)

    def check(self, rows: int, devices: int) -> None:
        """As `inner`."""
        self.inner.check(rows, devices)

    def at_once(self, rows: int) -> int:
        """As `inner`, though of these only what is named `block` is kept."""
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
    return next(iter(examples.texts.values())).ids.shape[0]


def _check_pieces(rows: int, devices: int, pieces: int, what: str) -> None:
    if rows % (devices * pieces):
        raise UsageError(
            f"A batch of {rows} rows on {devices} device(s) does not divide into {what}: "
            f"it must be a multiple of {devices * pieces}."
        )
