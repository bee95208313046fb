"""What every loss is: a batch's columns in, named terms of (value, weight) per row out."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key, Shaped

from jaxemb.config import Part, UsageError
from jaxemb.losses.embedded import Embedded, Reading, Vector
from jaxemb.runtime import mean

# What stands for minus infinity where infinities would make gradients NaN, and the least divisor.
LOWEST = jnp.finfo(jnp.float32).min
TINY = jnp.finfo(jnp.float32).tiny

Columns = Mapping[str, Any]
"""A batch by column: `Embedded` for what the loss reads, arrays `[rows, ...]` for the rest."""


class Term(NamedTuple):
    """One value and one weight for each row of this device; a weight of 0 leaves the row out."""

    value: Float32[Array, " rows"]
    weight: Float32[Array, " rows"]


class LossState(NamedTuple):
    """What a loss carries from step to step.

    Attributes:
        params: what is trained with the network, such as a temperature; optimized with it.
        memory: what is only kept, such as a queue of vectors; equal on every device.
    """

    params: Any
    memory: Any


class Loss(Part):
    """Slot: a batch's columns to named terms; the loss is the sum of the terms' weighted means.

    `columns` holds this device's rows: an `Embedded` for each column in `reads`, and whatever else
    the data carries (`query_id`, `score`, ...) as arrays. A loss without parameters and memory
    defines `__call__` alone; one with them defines `init` and `apply`.

    Attributes:
        needs: columns that must exist; checked before training by `check_columns`.
        vectors: columns that are read as vectors; those that it does not need may be absent.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> Mapping[str, Reading]:
        """What is asked of the network, by column; by default a `Vector` of each in `vectors`."""
        return dict.fromkeys(self.vectors, Vector())

    def check_width(self, width: int) -> None:
        """Raises UsageError, before anything runs, if vectors of so many numbers do not fit."""

    def negatives_per_row(self, columns: Columns) -> Float32[Array, ""] | None:
        """How many texts a row's own partner is set against, on average; None where there are none.

        Args:
            columns: the whole batch, for its ids, labels and shapes; the vectors' numbers are not
                looked at, so that what is left out by its score is counted.
        """
        return None

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """Parameters and memory before the first step, from the shapes of a batch's columns."""
        return LossState({}, {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """`(terms, memory)`: the terms of this device's rows, and the memory for the next step."""
        return self(columns, key=key, axis=axis), state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """Terms by name, over this device's rows.

        Args:
            columns: this device's rows of the batch.
            key: for losses that draw something; the same on every device.
            axis: the device axis inside `pmap`; None where arrays are global.
        """
        raise TypeError(f"{type(self).__name__} must define __call__(columns, *, key, axis)")


Totals = Mapping[str, Float32[Array, ""]]
"""The weight of each term, summed over all rows."""


def weights(terms: Mapping[str, Term], axis: str | None = None) -> dict[str, Float32[Array, ""]]:
    """The sum of each term's weights, per device on average."""
    return {name: mean(jnp.sum(term.weight), axis) for name, term in terms.items()}


def reduce(
    terms: Mapping[str, Term], axis: str | None = None, totals: Totals | None = None
) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
    r"""The loss and its parts: $\sum_t \sum_i v_{ti} w_{ti} / \sum_i w_{ti}$ over all devices.

    Numerator and denominator are averaged over devices separately: the mean of per-device weighted
    means is another number as soon as the weights are uneven.

    Args:
        totals: denominators to use, where these rows are a piece of a batch whose weights were
            summed before; the parts of all pieces then add up to those of the batch.

    Example:
        >>> total, parts = reduce({"query": Term(jnp.array([1.0, 3.0]), jnp.array([1.0, 0.0]))})
        >>> float(total)
        1.0
    """
    totals = weights(terms, axis) if totals is None else totals
    parts = {
        name: mean(jnp.sum(term.value * term.weight), axis) / jnp.maximum(totals[name], TINY)
        for name, term in terms.items()
    }
    return sum(parts.values(), start=jnp.zeros((), jnp.float32)), parts


def check_columns(loss: Loss, dataset) -> None:
    """Raises UsageError, before data are read, if the data lacks a column that the loss needs."""
    missing = [name for name in loss.needs if name not in dataset.columns]
    if missing:
        raise UsageError(
            f"{type(loss).__name__} needs the column {missing[0]!r}, which "
            f"{type(dataset).__name__} does not give; its columns: {', '.join(dataset.columns)}."
        )


def column(columns: Columns, name: str, shape: str) -> Shaped[Array, "rows ..."]:
    """A column's array, whose rank is that of `shape` (axis names, such as `"rows dim"`).

    Of what was embedded, its vectors.

    Raises:
        UsageError: the column is absent or has another rank.
    """
    if name not in columns:
        raise UsageError(f"The loss needs the column {name!r}; the batch has {', '.join(columns)}.")
    array = vectors(columns[name])
    if array.ndim != len(shape.split()):
        raise UsageError(
            f"The column {name!r} has the shape {array.shape}; the loss reads [{shape}] there."
        )
    return array


def vectors(value: Any) -> Any:
    """The vectors of what was embedded, or their shape; an array stays."""
    return value.vectors if isinstance(value, Embedded) else value


def scaled(terms: Mapping[str, Term], factor: float, prefix: str) -> dict[str, Term]:
    """The same terms times a factor, under `prefix/name`."""
    return {
        f"{prefix}/{name}": Term(term.value * factor, term.weight) for name, term in terms.items()
    }


def row_weights(columns: Columns, rows: int) -> Float32[Array, " rows"]:
    """The column `weight` if there is one (0 for filler rows), otherwise ones."""
    if "weight" not in columns:
        return jnp.ones(rows, jnp.float32)
    return jax.lax.stop_gradient(column(columns, "weight", "rows")).astype(jnp.float32)
