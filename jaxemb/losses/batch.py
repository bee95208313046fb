"""A batch by role: a device's rows, and the candidates of all devices with whose texts they are."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int

from jaxemb.losses.base import Columns, column, row_weights
from jaxemb.losses.candidates import Identity, Pairs
from jaxemb.losses.embedded import Embedded, embedded, flat_items, stacked
from jaxemb.losses.similarity import unit
from jaxemb.runtime import gather, own_rows

# The id of a text whose id the data does not give: one that no data set uses.
UNKNOWN = jnp.iinfo(jnp.int32).min


class Side(NamedTuple):
    """One role's vectors in a batch, whose texts they are, and which pair each belongs to."""

    embedded: Embedded
    identity: Identity
    pair: Int[Array, " n"]
    weight: Float32[Array, " n"]


class Batch(NamedTuple):
    """What score blocks are made from.

    Attributes:
        rows: this device's rows by role, `query` and `document`.
        candidates: those of all devices by role, `query`, `positive` and `document`; documents are
            the positives, in the order of the pairs, then hard negatives and what is remembered.
        own: the hard negatives of this device's rows, every array `[rows, k, ...]`; None without.
        pairs: which document answers which query, where the data gives ids of both.
    """

    rows: dict[str, Side]
    candidates: dict[str, Side]
    own: Side | None
    pairs: Pairs | None


def by_role(columns: Columns, shape: str, axis: str | None, remembered: Side | None) -> Batch:
    """A batch from the columns `query`, `positive`, `negatives`, their ids and the rest.

    Args:
        shape: the axes of what is compared, such as `"rows dim"`.
        remembered: further documents, equal on every device.
    """
    columns = _without_half_a_teacher(columns)
    query, positive = texts(columns, "query", shape), texts(columns, "positive", shape)
    rows_here = query.vectors.shape[0]
    pair = own_rows(rows_here, axis)
    weight = row_weights(columns, rows_here)
    rows = {
        "query": Side(query, _identity(columns, "query"), pair, weight),
        "document": Side(positive, _identity(columns, "positive"), pair, weight),
    }
    queries, positives = (_gathered(side, axis) for side in rows.values())
    own = _negatives(columns, shape, pair, weight) if "negatives" in columns else None
    documents = positives
    if own is not None:
        documents = _joined(documents, _gathered(_flat(own), axis))
    if remembered is not None:
        documents = _joined(documents, remembered)
    candidates = {"query": queries, "document": documents, "positive": positives}
    return Batch(rows, candidates, own, _pairs(queries))


def _without_half_a_teacher(columns: Columns) -> Columns:
    # Vectors of another model for some of the texts say nothing about the others.
    present = [name for name in ("query", "positive", "negatives") if name in columns]
    names = [f"{name}_teacher" for name in present]
    if all(name in columns for name in names):
        return columns
    return {name: value for name, value in columns.items() if name not in names}


def _pairs(queries: Side) -> Pairs | None:
    identity = queries.identity
    if identity.query is None or identity.document is None:
        return None
    return Pairs(identity.query, identity.document, queries.weight > 0)


def texts(columns: Columns, name: str, shape: str) -> Embedded:
    """What was embedded of a column, without `extra`; of the rank of `shape`."""
    column(columns, name, shape)
    return embedded(columns[name]).plain


def _gathered(side: Side, axis: str | None) -> Side:
    return jax.tree.map(lambda x: gather(x, axis), side)


def _joined(above: Side, below: Side) -> Side:
    rest = [
        jax.tree.map(lambda *x: jnp.concatenate(x), *pair)
        for pair in zip(above[1:], below[1:], strict=True)
    ]
    return Side(stacked([above.embedded, below.embedded]), *rest)


def _identity(columns: Columns, name: str) -> Identity:
    query, document = columns.get("query_id"), columns.get("positive_id")
    return Identity(
        query=query,
        document=document,
        family=columns.get("family"),
        text=columns.get(f"{name}_id") if query is not None and document is not None else None,
        teacher=_teacher(columns, name),
        agreement=_agreement(columns),
    )


def _teacher(columns: Columns, name: str) -> Array | None:
    value = columns.get(f"{name}_teacher")
    return None if value is None else jax.lax.stop_gradient(value)


def _agreement(columns: Columns) -> Array | None:
    query, positive = _teacher(columns, "query"), _teacher(columns, "positive")
    if query is None or positive is None:
        return None
    return jnp.sum(unit(query) * unit(positive), axis=-1)


def hard_negatives(columns: Columns, shape: str) -> tuple[Embedded, Bool[Array, "rows k"]]:
    """The column `negatives`, and which of them are there: rows may have unequal numbers."""
    found = texts(columns, "negatives", shape.replace("rows", "rows negatives"))
    rows, k = found.vectors.shape[:2]
    if found.real is None:
        return found, jnp.ones((rows, k), bool)
    if found.vectors.ndim == 3:
        return Embedded(found.vectors), found.real
    # Of many vectors each: a negative without a real one is not there.
    return found, jnp.any(found.real, axis=-1)


def _negatives(columns: Columns, shape: str, pair: Array, weight: Array) -> Side:
    negatives, there = hard_negatives(columns, shape)
    rows, k = there.shape
    present = weight[:, None] * there

    def repeated(x: Array) -> Array:
        return jnp.broadcast_to(x[:, None], (rows, k))

    unknown = jnp.full((rows, k), UNKNOWN)
    family, agreement = columns.get("family"), _agreement(columns)
    given = columns.get("negatives_id", unknown)
    both = "query_id" in columns and "positive_id" in columns
    identity = Identity(
        query=unknown if "query_id" in columns else None,
        document=given if "positive_id" in columns else None,
        family=None if family is None else repeated(family),
        text=given if both else None,
        teacher=_teacher(columns, "negatives"),
        agreement=None if agreement is None else repeated(agreement),
    )
    return Side(negatives, identity, repeated(pair), present)


def _flat(own: Side) -> Side:
    rest = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), own[1:])
    return Side(flat_items(own.embedded), *rest)
