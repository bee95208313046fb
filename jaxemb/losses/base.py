"""What every loss is: arrays in, named terms of (value, weight) a row out, and one reduction."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key, Shaped

from jaxemb.config import Part, UsageError
from jaxemb.runtime import mean

Columns = Mapping[str, Shaped[Array, "rows ..."]]


class Term(NamedTuple):
    """One value and one weight a row of this device; a weight of 0 leaves the row out."""

    value: Float32[Array, " rows"]
    weight: Float32[Array, " rows"]


class Loss(Part):
    """Slot: a batch's columns to named terms; the loss is the sum of the terms' weighted means.

    `columns` holds this device's rows: vectors `[rows, dim]` (or `[rows, k, dim]` for a column of
    `k` texts a row) under the names in `vectors`, and whatever else the data carries (`query_id`,
    `score`, ...) as it is. Where `reads_depths` is true, vectors carry one more axis before the
    last: `[rows, layers, dim]`, one vector for each depth at which the encoder could be cut.

    Attributes:
        needs: columns that must exist; checked before training by `check_columns`.
        vectors: columns that are embedded before the loss sees them; those that it does not need
            may be absent.
        reads_depths: whether every depth's vector is wanted.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ()
    reads_depths: ClassVar[bool] = False

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


def reduce(
    terms: Mapping[str, Term], axis: str | None = None
) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
    r"""The loss and its parts: $\sum_t \sum_i v_{ti} w_{ti} / \sum_i w_{ti}$ over all devices.

    Numerator and denominator are averaged over devices separately: the mean of per-device weighted
    means is another number as soon as the weights are uneven.

    Example:
        >>> total, parts = reduce({"query": Term(jnp.array([1.0, 3.0]), jnp.array([1.0, 0.0]))})
        >>> float(total)
        1.0
    """
    parts = {name: _weighted_mean(term, axis) for name, term in terms.items()}
    return sum(parts.values(), start=jnp.zeros((), jnp.float32)), parts


def _weighted_mean(term: Term, axis: str | None) -> Float32[Array, ""]:
    weighted = mean(jnp.sum(term.value * term.weight), axis)
    weight = mean(jnp.sum(term.weight), axis)
    return weighted / jnp.maximum(weight, jnp.finfo(jnp.float32).tiny)


def check_columns(loss: Loss, dataset) -> None:
    """Raises UsageError, before data are read, if the data lacks a column that the loss needs."""
    missing = [name for name in loss.needs if name not in dataset.columns]
    if missing:
        raise UsageError(
            f"{type(loss).__name__} needs the column {missing[0]!r}, which "
            f"{type(dataset).__name__} does not give; its columns: {', '.join(dataset.columns)}."
        )


def column(columns: Columns, name: str, shape: str) -> Shaped[Array, "rows ..."]:
    """A column whose rank is that of `shape` (axis names, such as `"rows dim"`), or UsageError."""
    if name not in columns:
        raise UsageError(f"The loss needs the column {name!r}; the batch has {', '.join(columns)}.")
    array = columns[name]
    if array.ndim != len(shape.split()):
        raise UsageError(
            f"The column {name!r} has the shape {array.shape}; the loss reads [{shape}] there."
        )
    return array


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
