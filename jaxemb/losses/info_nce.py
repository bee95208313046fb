"""One InfoNCE: a softmax over blocks of scores, with masked, weighted candidates."""

import dataclasses
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.losses.base import Columns, Loss, LossState, Term
from jaxemb.losses.batch import Batch, by_role
from jaxemb.losses.blocks import Block, ByRow, Partition, QueryToDocument
from jaxemb.losses.candidates import Candidates, MaskDuplicates
from jaxemb.losses.queue import Memory, NoMemory
from jaxemb.losses.reweighting import Contest, Reweighting, Softmax, softmax_values
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.losses.temperature import Temperature, temperature_of


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
    gaps = logits - jnp.take_along_axis(logits, target[:, None], axis=1)
    if column_weight is not None:
        positive = jnp.broadcast_to(column_weight > 0, logits.shape)
        gaps = gaps + jnp.log(jnp.where(positive, column_weight, 1.0))
        where = positive if where is None else where & positive
    value = softmax_values(gaps, target, where)
    weight = jnp.ones_like(value) if row_weight is None else row_weight.astype(jnp.float32)
    return Term(value, weight)


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
        reweighting: what is made of a target and its candidates.
        memory: documents of earlier batches that are candidates too.

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

    temperature: Annotated[float, AtLeast(1e-6)] | Temperature = 0.05
    similarity: Similarity = Cosine()
    blocks: tuple[Block, ...] = (QueryToDocument(),)
    candidates: Candidates = MaskDuplicates()
    partition: Partition = ByRow()
    reweighting: Reweighting = Softmax()
    memory: Memory = NoMemory()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    def __post_init__(self) -> None:
        temperature_of(self.temperature)
        if not self.blocks:
            raise UsageError("InfoNCE needs at least one block, such as QueryToDocument().")
        for blocks in self._groups.values():
            if not any(block.holds_target for block in blocks):
                names = ", ".join(type(block).__name__ for block in blocks)
                raise UsageError(
                    f"The softmax over ({names}) lacks the pair's own score; "
                    f"add {'QueryToDocument' if blocks[0].row == 'query' else 'DocumentToQuery'}()."
                )

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The temperature's parameters, where it is learned, and an empty memory."""
        shape = self.similarity.shape
        documents = jax.eval_shape(
            lambda c: by_role(c, shape, None, None).rows["document"], dict(columns)
        )
        return LossState(temperature_of(self.temperature).init(), self.memory.init(documents))

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """One term for each softmax: `query`, `document` or `pair`."""
        temperature = temperature_of(self.temperature)(state.params)
        batch = by_role(columns, self.similarity.shape, axis, self.memory.recall(state.memory))
        found = self._values(batch, temperature, key)
        rows = {name: blocks[0].row for name, blocks in self._groups.items()}
        terms = {
            name: Term(values / len(found), batch.rows[rows[name]].weight)
            for name, values in found.items()
        }
        return terms, self.memory.push(state.memory, batch.candidates["positive"])

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the temperature that it starts at and nothing to remember."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def negatives_per_row(self, columns: Columns) -> Float32[Array, ""]:
        """The candidates that count, the pair's own text not among them; a mean over all softmaxes."""
        key = jax.random.key(0)
        memory = self.memory.recall(self.init(key, columns).memory)
        batch = by_role(columns, self.similarity.shape, None, memory)
        counts = []
        for blocks in self._groups.values():
            negative = self._contest(blocks, batch, 1.0, key).negative
            weighs = batch.rows[blocks[0].row].weight > 0
            found = jnp.sum(negative & weighs[:, None], dtype=jnp.float32)
            counts.append(found / jnp.maximum(jnp.sum(weighs), 1))
        return jnp.mean(jnp.stack(counts))

    @property
    def _groups(self) -> dict[str, tuple[Block, ...]]:
        return self.partition.groups(self.blocks)

    def _values(
        self, batch: Batch, temperature: Any, key: Key[Array, ""]
    ) -> dict[str, Float[Array, " rows"]]:
        """The value of each of the batch's rows in each softmax."""
        return {
            name: self.reweighting(self._contest(blocks, batch, temperature, key))
            for name, blocks in self._groups.items()
        }

    def _contest(
        self, blocks: tuple[Block, ...], batch: Batch, temperature: Any, key: Key[Array, ""]
    ) -> Contest:
        # The block with the target comes first, so that its target's column is that of them all.
        blocks = sorted(blocks, key=lambda block: not block.holds_target)
        keys = jax.random.split(key, len(blocks))
        made = [
            block.scores(batch, self.similarity, self.candidates, block_key)
            for block, block_key in zip(blocks, keys, strict=True)
        ]
        values, negative, positive, own = (
            jnp.concatenate(part, axis=1) for part in list(zip(*made, strict=True))[:4]
        )
        return Contest(
            logits=values / temperature,
            scores=values,
            temperature=temperature,
            target=made[0].target,
            negative=negative,
            positive=positive,
            own=own,
        )
