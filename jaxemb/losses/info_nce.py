"""One InfoNCE: a softmax over blocks of scores, with masked, weighted candidates."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int, Key

from jaxemb.config import Part, UsageError
from jaxemb.losses.base import Columns, Loss, LossState, Term, column, row_weights
from jaxemb.losses.candidates import Candidates, Identity, MaskDuplicates
from jaxemb.losses.embedded import Embedded, embedded, flat_items, stacked
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.losses.temperature import Temperature, temperature_of
from jaxemb.runtime import gather, own_rows

# The id of a text whose id the data does not give: one that no data set uses.
UNKNOWN = jnp.iinfo(jnp.int32).min


def info_nce(
    scores: Float[Array, "rows candidates"],
    target: Int[Array, " rows"],
    *,
    where: Bool[Array, "rows candidates"] | None = None,
    row_weight: Float[Array, " rows"] | None = None,
    column_weight: Float[Array, "#rows candidates"] | None = None,
    temperature: float | Float[Array, ""] = 1.0,
) -> Term:
    r"""The softmax loss of picking each row's target among its candidates.

    $$v_i = -\frac{s_{i t_i}}{\tau} + \log \sum_{j : m_{ij}} u_{ij} \exp\frac{s_{ij}}{\tau}$$

    Args:
        scores: `[rows, candidates]`.
        target: the target's column for each row. Its score is read even where `where` is False.
        where: candidates that count in the sum. A row with none has the value 0.
        row_weight: the returned weights; ones by default.
        column_weight: $u$, such as an importance weight or 1/probability of being sampled; one
            for all rows (`[1, candidates]`) or one each. It acts on the sum alone.
        temperature: $\tau$.

    Example:
        >>> values = info_nce(jnp.eye(2), jnp.arange(2)).value
        >>> [round(value, 4) for value in values.tolist()]
        [0.3133, 0.3133]

    Reference: van den Oord et al., Representation Learning with Contrastive Predictive Coding,
    arXiv:1807.03748.
    """
    logits = scores.astype(jnp.float32) / temperature
    picked = jnp.take_along_axis(logits, target[:, None], axis=1)[:, 0]
    if column_weight is not None:
        positive = column_weight > 0
        logits = logits + jnp.log(jnp.where(positive, column_weight, 1.0))
        where = jnp.broadcast_to(positive, logits.shape) if where is None else where & positive
    if where is not None:
        logits = jnp.where(where, logits, jnp.finfo(jnp.float32).min)
    value = jax.nn.logsumexp(logits, axis=1) - picked
    if where is not None:
        value = jnp.where(jnp.any(where, axis=1), value, 0.0)
    weight = jnp.ones_like(value) if row_weight is None else row_weight.astype(jnp.float32)
    return Term(value, weight)


class Side(NamedTuple):
    """One role's vectors in a batch, whose texts they are, and which pair each belongs to."""

    embedded: Embedded
    identity: Identity
    pair: Int[Array, " n"]
    weight: Float32[Array, " n"]


class Batch(NamedTuple):
    """A device's rows by role, and the candidates of all devices by role."""

    rows: dict[str, Side]
    candidates: dict[str, Side]


class Block(Part):
    """Slot: one rectangle of scores: rows of one role against candidates of one role."""

    row: ClassVar[str]
    column: ClassVar[str]

    @property
    def holds_target(self) -> bool:
        """Whether a row's own pair is the answer here, rather than the row itself or its kin."""
        return self.row != self.column


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryToDocument(Block):
    """Each query against every document, hard negatives included; its positive is the target."""

    row: ClassVar[str] = "query"
    column: ClassVar[str] = "document"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentToQuery(Block):
    """Each positive document against every query; its own query is the target."""

    row: ClassVar[str] = "document"
    column: ClassVar[str] = "query"


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryToQuery(Block):
    """Each query against every other query: candidates only."""

    row: ClassVar[str] = "query"
    column: ClassVar[str] = "query"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentToDocument(Block):
    """Each positive document against the other pairs' documents: candidates only."""

    row: ClassVar[str] = "document"
    column: ClassVar[str] = "document"


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class InfoNCE(Loss):
    r"""A row's own partner against everything else in the batch, over any set of score blocks.

    $$\ell_i = -\frac{s(q_i, d_i)}{\tau} + \log \sum_{j \in C_i} \exp\frac{s_{ij}}{\tau}$$

    where $C_i$ are the candidates of row $i$ in all blocks of its softmax. With several softmaxes
    (`ByRow` with queries and documents as rows) the loss is their mean, so that
    `(QueryToDocument(), DocumentToQuery())` is the symmetric loss.

    Columns: `query` and `positive` `[rows, dim]`; if present, `negatives` `[rows, k, dim]`
    (candidates for every row of the batch), ids for `candidates`, and `weight` `[rows]`: a row of
    weight 0 is filler and nobody's candidate.

    Args:
        temperature: $\tau > 0$, a number or `LearnedTemperature()`.
        similarity: $s$.
        blocks: which scores are made.
        candidates: which of them count.
        partition: which blocks share a softmax.

    Raises:
        UsageError: no block, a softmax without the pair's own score, a temperature that is not
            positive, or a column of another rank.

    Example:
        >>> vectors = {"query": jnp.eye(3), "positive": jnp.eye(3)}
        >>> total, _ = reduce(InfoNCE(temperature=1.0)(vectors, key=jax.random.key(0)))
        >>> round(float(total), 4)
        0.5514

    Reference: van den Oord et al., Representation Learning with Contrastive Predictive Coding,
    arXiv:1807.03748; Henderson et al., Efficient Natural Language Response Suggestion for Smart
    Reply, arXiv:1705.00652.
    """

    temperature: float | Temperature = 0.05
    similarity: Similarity = Cosine()
    blocks: tuple[Block, ...] = (QueryToDocument(),)
    candidates: Candidates = MaskDuplicates()
    partition: Partition = ByRow()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    def __post_init__(self) -> None:
        temperature_of(self.temperature)
        if not self.blocks:
            raise UsageError("InfoNCE needs at least one block, such as QueryToDocument().")
        for blocks in self.partition.groups(self.blocks).values():
            if not any(block.holds_target for block in blocks):
                names = ", ".join(type(block).__name__ for block in blocks)
                raise UsageError(
                    f"The softmax over ({names}) lacks the pair's own score; "
                    f"add {'QueryToDocument' if blocks[0].row == 'query' else 'DocumentToQuery'}()."
                )

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The temperature's parameters, where it is learned."""
        return LossState(temperature_of(self.temperature).init(), {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """One term for each softmax: `query`, `document` or `pair`. Nothing is drawn from `key`."""
        temperature = temperature_of(self.temperature)(state.params)
        batch = _by_role(columns, self.similarity.shape, axis)
        groups = self.partition.groups(self.blocks)
        terms = {
            name: self._term(blocks, batch, len(groups), temperature)
            for name, blocks in groups.items()
        }
        return terms, state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the temperature that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def _term(self, blocks: tuple[Block, ...], batch: Batch, terms: int, temperature: Any) -> Term:
        # The block with the target comes first, so that the target's column is the pair's number.
        blocks = sorted(blocks, key=lambda block: not block.holds_target)
        scores, where = zip(*(self._scores(block, batch) for block in blocks), strict=True)
        rows = batch.rows[blocks[0].row]
        term = info_nce(
            jnp.concatenate(scores, axis=1),
            rows.pair,
            where=jnp.concatenate(where, axis=1),
            row_weight=rows.weight,
            temperature=temperature,
        )
        return Term(term.value / terms, term.weight)

    def _scores(self, block: Block, batch: Batch) -> tuple[Array, Array]:
        rows, columns = batch.rows[block.row], batch.candidates[block.column]
        scores = self.similarity(rows.embedded, columns.embedded)
        keep = jnp.broadcast_to(columns.weight > 0, scores.shape)
        allowed = self.candidates.keep(rows.identity, columns.identity)
        if allowed is not None:
            keep &= allowed
        if block.holds_target:
            # Positives come first among the documents, so a pair's number is its target's column.
            return scores, keep | (rows.pair[:, None] == jnp.arange(scores.shape[1]))
        return scores, keep & (rows.pair[:, None] != columns.pair)


def _by_role(columns: Columns, shape: str, axis: str | None) -> Batch:
    query, positive = _texts(columns, "query", shape), _texts(columns, "positive", shape)
    rows_here = query.vectors.shape[0]
    pair = own_rows(rows_here, axis)
    identity = Identity(columns.get("query_id"), columns.get("positive_id"), columns.get("family"))
    weight = row_weights(columns, rows_here)
    rows = {
        "query": Side(query, identity, pair, weight),
        "document": Side(positive, identity, pair, weight),
    }
    candidates = {role: _gathered(side, axis) for role, side in rows.items()}
    if "negatives" in columns:
        hard = _gathered(_negatives(columns, shape, pair, weight), axis)
        candidates["document"] = _joined(candidates["document"], hard)
    return Batch(rows, candidates)


def _texts(columns: Columns, name: str, shape: str) -> Embedded:
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


def _negatives(columns: Columns, shape: str, pair: Array, weight: Array) -> Side:
    negatives = _texts(columns, "negatives", shape.replace("rows", "rows negatives"))
    k = negatives.vectors.shape[1]
    unknown = jnp.full(len(pair) * k, UNKNOWN)
    document = jnp.reshape(columns.get("negatives_id", unknown), -1)
    identity = Identity(
        query=unknown if "query_id" in columns else None,
        document=document if "positive_id" in columns else None,
        family=jnp.repeat(columns["family"], k) if "family" in columns else None,
    )
    present = jnp.repeat(weight, k)
    if negatives.real is not None and negatives.vectors.ndim == 3:
        # Rows may have unequal numbers of negatives: those that are not there are nobody's.
        present = present * negatives.real.reshape(-1)
        negatives = Embedded(negatives.vectors)
    return Side(flat_items(negatives), identity, jnp.repeat(pair, k), present)
