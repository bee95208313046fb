"""Which candidates a row is compared with: duplicates of its positive are no negatives."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxemb.config import Part, UsageError


class Identity(NamedTuple):
    """Whose text a row or a candidate is: ids of its query, its document and its data set.

    None where the data does not say.
    """

    query: Int[Array, " n"] | None
    document: Int[Array, " n"] | None
    family: Int[Array, " n"] | None = None


class Candidates(Part):
    """Slot: `keep(rows, columns) -> Bool[rows, columns]`, True where a candidate counts."""

    def keep(self, rows: Identity, columns: Identity) -> Bool[Array, "rows columns"] | None:
        """Which candidates count; None for all. A row's target and the row itself are not asked."""
        raise TypeError(f"{type(self).__name__} must define keep(rows, columns)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepAll(Candidates):
    """Every candidate counts, as in the plain in-batch loss.

    Example:
        >>> InfoNCE(candidates=KeepAll())
    """

    def keep(self, rows: Identity, columns: Identity) -> Bool[Array, "rows columns"] | None:
        """None: all."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskDuplicates(Candidates):
    """A candidate with the row's own query id or document id is left out: it is no negative.

    Reads the columns `query_id`, `positive_id` and `negatives_id` where the data gives them; equal
    ids mean equal texts or texts known to answer each other.

    Example:
        >>> ids = Identity(query=jnp.array([0, 1, 0]), document=None)
        >>> MaskDuplicates().keep(ids, ids)[0].tolist()
        [False, True, False]
    """

    def keep(self, rows: Identity, columns: Identity) -> Bool[Array, "rows columns"] | None:
        """False where the query ids or the document ids are equal."""
        pairs = [(rows.query, columns.query), (rows.document, columns.document)]
        different = [a[:, None] != b[None, :] for a, b in pairs if a is not None and b is not None]
        return jnp.all(jnp.stack(different), axis=0) if different else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SameFamily(Candidates):
    """Of the inner candidates, those of the row's own data set: the column `family` says which.

    Texts of another data set or prefix are told apart by their looks alone, and teach nothing.

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

    def keep(self, rows: Identity, columns: Identity) -> Bool[Array, "rows columns"]:
        """True where the families are equal and the inner candidates count."""
        if rows.family is None or columns.family is None:
            raise UsageError("SameFamily reads the column 'family', which the data does not give.")
        same = rows.family[:, None] == columns.family[None, :]
        inner = self.inner.keep(rows, columns)
        return same if inner is None else same & inner
