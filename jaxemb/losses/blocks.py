"""Score blocks: rows of one role against candidates of one role, and which share a softmax."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int, Key

from jaxemb.config import Part, UsageError
from jaxemb.losses.batch import Batch, Side
from jaxemb.losses.candidates import Candidates, Identity
from jaxemb.losses.similarity import Similarity


class Scores(NamedTuple):
    """A block's scores, what they are, and where a row's target stands.

    Attributes:
        values: how alike row and candidate are.
        negative: candidates that count, the pair's own score not among them.
        positive: the pair's own score.
        own: hard negatives that were given for this very row.
        target: the column of the pair's own score; None in a block of candidates only.
    """

    values: Float32[Array, "rows n"]
    negative: Bool[Array, "rows n"]
    positive: Bool[Array, "rows n"]
    own: Bool[Array, "rows n"]
    target: Int[Array, " rows"] | None


class Block(Part):
    """Slot: one rectangle of scores: rows of one role against candidates.

    Attributes:
        row: whose rows these are, `query` or `document`.
        holds_target: whether the pair's own score is among them.
    """

    row: ClassVar[str]
    holds_target: ClassVar[bool] = True

    def scores(
        self, batch: Batch, similarity: Similarity, candidates: Candidates, key: Key[Array, ""]
    ) -> Scores:
        """The block's scores; `key` is the same on every device."""
        raise TypeError(f"{type(self).__name__} must define scores(batch, ...)")


class InBatch(Block):
    """A block against every candidate of one role, on all devices."""

    column: ClassVar[str]

    def scores(
        self, batch: Batch, similarity: Similarity, candidates: Candidates, key: Key[Array, ""]
    ) -> Scores:
        """`[rows, candidates]`; the row itself and its kin are no candidates."""
        rows, columns = batch.rows[self.row], batch.candidates[self.column]
        values = similarity(rows.embedded, columns.embedded)
        place = jnp.arange(values.shape[1])
        kin = rows.pair[:, None] == columns.pair[None, :]
        # Positives come first among the documents, so a pair's number is its positive's column.
        positive = (rows.pair[:, None] == place) & self.holds_target
        own = kin & (place >= len(batch.candidates["positive"].pair)) & (self.column == "document")
        other = ~positive & (own | ~kin) if self.holds_target else ~kin
        keep = candidates.keep(rows.identity, columns.identity, batch.pairs)
        negative = other & (columns.weight > 0)[None, :]
        negative = negative if keep is None else negative & keep
        target = rows.pair if self.holds_target else None
        return Scores(values, negative, positive, own, target)


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryToDocument(InBatch):
    """Each query against every document, hard negatives included; its positive is the target."""

    row: ClassVar[str] = "query"
    column: ClassVar[str] = "document"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentToQuery(InBatch):
    """Each positive document against every query; its own query is the target."""

    row: ClassVar[str] = "document"
    column: ClassVar[str] = "query"


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryToQuery(InBatch):
    """Each query against every other query: candidates only."""

    row: ClassVar[str] = "query"
    column: ClassVar[str] = "query"
    holds_target: ClassVar[bool] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentToDocument(InBatch):
    """Each positive document against the other pairs' documents: candidates only."""

    row: ClassVar[str] = "document"
    column: ClassVar[str] = "document"
    holds_target: ClassVar[bool] = False


ALL_BLOCKS = (QueryToDocument(), QueryToQuery(), DocumentToQuery(), DocumentToDocument())
"""Each text of a pair against all texts of both roles in the batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PositiveToPositive(InBatch):
    """Each positive document against the other pairs' positives, without hard negatives."""

    row: ClassVar[str] = "document"
    column: ClassVar[str] = "positive"
    holds_target: ClassVar[bool] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryToOwnDocuments(Block):
    """Each query against its positive and its own hard negatives, and nobody else's.

    In a mixture of many tasks, other rows' documents are often answers too.

    Raises:
        UsageError: the batch has no column `negatives`.

    Example:
        >>> InfoNCE(blocks=(QueryToOwnDocuments(),), temperature=0.02)
    """

    row: ClassVar[str] = "query"

    def scores(
        self, batch: Batch, similarity: Similarity, candidates: Candidates, key: Key[Array, ""]
    ) -> Scores:
        """`[rows, 1 + k]`: the positive, then the negatives."""
        rows, own = batch.rows["query"], own_negatives(batch, self)
        positive = jax.tree.map(lambda x: x[:, None], batch.rows["document"].embedded)
        first = similarity.paired(rows.embedded, positive)
        values = jnp.concatenate([first, similarity.paired(rows.embedded, own.embedded)], axis=1)
        keep = jnp.pad(kept(rows, own, candidates, batch), ((0, 0), (1, 0)))
        is_first = jnp.broadcast_to(jnp.arange(values.shape[1]) == 0, values.shape)
        target = jnp.zeros(len(values), jnp.int32)
        return Scores(values, keep, is_first, ~is_first, target)


def own_negatives(batch: Batch, block: Block) -> Side:
    if batch.own is None:
        raise UsageError(f"{type(block).__name__} reads the column 'negatives', which is absent.")
    return batch.own


def kept(rows: Side, own: Side, candidates: Candidates, batch: Batch) -> Bool[Array, "rows k"]:
    def one(row: Identity, items: Identity, weight: Array) -> Array:
        keep = candidates.keep(jax.tree.map(lambda x: x[None], row), items, batch.pairs)
        return weight > 0 if keep is None else keep[0] & (weight > 0)

    # The weights are there even where the data gives no ids.
    return jax.vmap(one)(rows.identity, own.identity, own.weight)


class Partition(Part):
    """Slot: which blocks share one softmax."""

    def groups(self, blocks: tuple[Block, ...]) -> dict[str, tuple[Block, ...]]:
        """Blocks by the name of the term that they make."""
        raise TypeError(f"{type(self).__name__} must define groups(blocks)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByRow(Partition):
    """One softmax for the blocks whose rows are queries, one for those whose rows are documents."""

    def groups(self, blocks: tuple[Block, ...]) -> dict[str, tuple[Block, ...]]:
        """`{"query": ..., "document": ...}`, the ones that occur."""
        roles = dict.fromkeys(block.row for block in blocks)
        return {role: tuple(block for block in blocks if block.row == role) for role in roles}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Joint(Partition):
    """One softmax over all blocks of a pair.

    Reference: Li et al., Towards General Text Embeddings with Multi-stage Contrastive Learning,
    arXiv:2308.03281.
    """

    def groups(self, blocks: tuple[Block, ...]) -> dict[str, tuple[Block, ...]]:
        """`{"pair": blocks}`."""
        return {"pair": blocks}
