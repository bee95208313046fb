"""Which candidates a row is compared with: what is known to answer it is no negative."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxemb.config import Part, UsageError
from jaxemb.losses.similarity import unit


class Identity(NamedTuple):
    """Whose text a row or a candidate is; None where the data does not say.

    Ids of texts come from one numbering, whatever role a text plays.

    Attributes:
        query: the id of its pair's query.
        document: the id of its pair's document; of a hard negative, its own.
        family: the number of its data set, or of the document that it is a piece of.
        text: the id of the text itself.
        teacher: the text's vector by another model.
        agreement: how alike that model finds the row's own pair.
    """

    query: Int[Array, " n"] | None
    document: Int[Array, " n"] | None
    family: Int[Array, " n"] | None = None
    text: Int[Array, " n"] | None = None
    teacher: Float[Array, "n width"] | None = None
    agreement: Float[Array, " n"] | None = None


class Pairs(NamedTuple):
    """Every pair of the batch, on all devices: which document is known to answer which query."""

    query: Int[Array, " pairs"]
    document: Int[Array, " pairs"]
    real: Bool[Array, " pairs"]


class Candidates(Part):
    """Slot: `keep(rows, columns, pairs) -> Bool[rows, columns]`, True where a candidate counts."""

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"] | None:
        """Which candidates count; None for all. A row's target and the row itself are not asked."""
        raise TypeError(f"{type(self).__name__} must define keep(rows, columns, pairs)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepAll(Candidates):
    """Every candidate counts, as in the plain in-batch loss.

    Example:
        >>> InfoNCE(candidates=KeepAll())
    """

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"] | None:
        """None: all."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskDuplicates(Candidates):
    """A candidate that is the row's own text, its target or another of its answers is left out.

    Reads the columns `query_id`, `positive_id` and `negatives_id` where the data gives them: equal
    ids mean equal texts, whatever role a text plays. Left out are a candidate that

    * is the row's own text, as where one text is a query here and a document there;
    * is of a pair with the row's own query or the row's own document;
    * stands in a pair with the row's text anywhere in the batch, be it as a hard negative here.

    Example:
        >>> ids = Identity(query=jnp.array([0, 1, 0]), document=None)
        >>> MaskDuplicates().keep(ids, ids)[0].tolist()
        [False, True, False]
    """

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"] | None:
        """False where ids are equal, or a pair of the batch joins the two texts."""
        same = [(rows.query, columns.query), (rows.document, columns.document)]
        same.append((rows.text, columns.text))
        out = [a[:, None] == b[None, :] for a, b in same if a is not None and b is not None]
        if pairs is not None and rows.text is not None and columns.text is not None:
            out.append(_joined(rows.text, columns.text, pairs.query, pairs.document, pairs.real))
            out.append(_joined(rows.text, columns.text, pairs.document, pairs.query, pairs.real))
        return ~jnp.any(jnp.stack(out), axis=0) if out else None


def _joined(
    rows: Int[Array, " rows"],
    columns: Int[Array, " columns"],
    source: Int[Array, " pairs"],
    target: Int[Array, " pairs"],
    real: Bool[Array, " pairs"],
) -> Bool[Array, "rows columns"]:
    # Is there a pair from the row's text to the column's? With the pairs in the order of their
    # targets, those of one target are neighbours: count the row's pairs up to either end of them.
    # That is rows x (pairs + columns), where a comparison of all three would be their product.
    order = jnp.argsort(target)
    target = target[order]
    leaves = (rows[:, None] == source[order][None, :]) & real[order][None, :]
    counted = jnp.pad(jnp.cumsum(leaves, axis=1, dtype=jnp.int32), ((0, 0), (1, 0)))
    first = jnp.searchsorted(target, columns, side="left")
    last = jnp.searchsorted(target, columns, side="right")
    return counted[:, last] > counted[:, first]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SameFamily(Candidates):
    """Of the inner candidates, those of the row's own data set: the column `family` says which.

    Texts of another data set or prefix are told apart by their looks alone, and teach nothing.
    Where a family is a document and its members are its chunks, these are the in-sequence
    negatives; `OtherFamily` has the rest.

    Example:
        >>> ids = Identity(query=None, document=None, family=jnp.array([0, 1, 0]))
        >>> SameFamily().keep(ids, ids)[0].tolist()
        [True, False, True]

    Raises:
        UsageError: the batch has no column `family`.

    Reference: Li et al., "Towards General Text Embeddings with Multi-stage Contrastive Learning",
    arXiv:2308.03281; Nussbaum et al., "Nomic Embed", arXiv:2402.01613.
    """

    inner: Candidates = MaskDuplicates()

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"]:
        """True where the families are equal and the inner candidates count."""
        return _both(_same_family(rows, columns), self.inner.keep(rows, columns, pairs))


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherFamily(Candidates):
    """Of the inner candidates, those of any family but the row's own.

    Example:
        >>> ids = Identity(query=None, document=None, family=jnp.array([0, 1, 0]))
        >>> OtherFamily().keep(ids, ids)[0].tolist()
        [False, True, False]

    Raises:
        UsageError: the batch has no column `family`.

    Reference: Conti et al., "Context is Gold to find the Gold Passage", arXiv:2505.24782.
    """

    inner: Candidates = MaskDuplicates()

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"]:
        """True where the families differ and the inner candidates count."""
        return _both(~_same_family(rows, columns), self.inner.keep(rows, columns, pairs))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guided(Candidates):
    r"""Of the inner candidates, those that another model finds less alike than the row's own pair.

    $$t(x_i) \cdot t(c_j) \le t(q_i) \cdot t(d_i) - m$$

    for unit vectors $t$ of that model, which the columns `query_teacher` and `positive_teacher`
    `[rows, width]` hold, and `negatives_teacher` `[rows, k, width]` where there are negatives.

    Args:
        inner: which candidates are asked at all.
        margin: $m$; the larger, the fewer candidates are left.

    Raises:
        UsageError: the batch lacks the teacher's vectors.

    Example:
        >>> InfoNCE(candidates=Guided(margin=0.05), temperature=0.01)

    Reference: Solatorio, GISTEmbed, arXiv:2402.16829.
    """

    inner: Candidates = MaskDuplicates()
    margin: float = 0.0

    def keep(
        self, rows: Identity, columns: Identity, pairs: Pairs | None = None
    ) -> Bool[Array, "rows columns"]:
        """True where the other model finds the candidate less alike and the inner ones count."""
        if rows.teacher is None or columns.teacher is None or rows.agreement is None:
            raise UsageError(
                f"{type(self).__name__} reads the columns 'query_teacher', 'positive_teacher' and, "
                "with negatives, 'negatives_teacher', which the data does not give."
            )
        alike = unit(rows.teacher) @ unit(columns.teacher).T
        return _both(
            alike <= self.highest(rows.agreement)[:, None], self.inner.keep(rows, columns, pairs)
        )

    def highest(self, agreement: Float[Array, " rows"]) -> Float[Array, " rows"]:
        """How alike a candidate may be at most."""
        return agreement - self.margin


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativelyGuided(Guided):
    r"""`Guided` with a margin in shares of the pair's own agreement $a$: $a - m\lvert a \rvert$.

    Example:
        >>> RelativelyGuided(margin=0.05).highest(jnp.array([0.8])).round(2).tolist()
        [0.76...]
    """

    def highest(self, agreement: Float[Array, " rows"]) -> Float[Array, " rows"]:
        """How alike a candidate may be at most."""
        return agreement - self.margin * jnp.abs(agreement)


def _same_family(rows: Identity, columns: Identity) -> Bool[Array, "rows columns"]:
    if rows.family is None or columns.family is None:
        raise UsageError("SameFamily reads the column 'family', which the data does not give.")
    return rows.family[:, None] == columns.family[None, :]


def _both(a: Bool[Array, "rows columns"], b: Bool[Array, "rows columns"] | None) -> Array:
    return a if b is None else a & b
