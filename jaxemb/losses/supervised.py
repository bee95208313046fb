"""Contrast by class: every text of a row's class is its positive."""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, check_ranges
from jaxemb.losses.base import LOWEST, Columns, Loss, Term, column, row_weights
from jaxemb.losses.embedded import Embedded, embedded, stacked
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.runtime import gather, own_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupervisedContrastive(Loss):
    r"""The mean over a row's positives of their softmax loss, a positive being of the same class.

    $$\ell_i = -\frac{1}{|P_i|} \sum_{p \in P_i} \log
    \frac{e^{s_{ip}/\tau}}{\sum_{a \ne i} e^{s_{ia}/\tau}}$$

    A row without a positive in the batch does not count.

    Columns: `query` `[rows, dim]` and `label` `[rows]`; if present, `positive` `[rows, dim]` is a
    second view of the row, of the same class.

    Args:
        temperature: $\tau$.
        similarity: $s$.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> columns = {"query": jnp.eye(3), "label": jnp.array([0, 0, 1])}
        >>> term = SupervisedContrastive()(columns, key=jax.random.key(0))["supervised"]
        >>> term.value.round(4).tolist(), term.weight.tolist()
        ([0.6931..., 0.6931..., 0.0], [1.0, 1.0, 0.0])

    Reference: Khosla et al., Supervised Contrastive Learning, arXiv:2004.11362 (its $L_{out}$).
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.07
    similarity: Similarity = Cosine()

    needs: ClassVar[tuple[str, ...]] = ("query", "label")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive")

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `supervised`; with two views, of both as rows."""
        names = [name for name in self.vectors if name in columns]
        for name in names:
            column(columns, name, self.similarity.shape)
        rows = len(column(columns, "label", "rows"))
        weight, label = row_weights(columns, rows), columns["label"]
        views = [embedded(columns[name]).plain for name in names]
        candidates = stacked([gathered(view, axis) for view in views])
        labels = jnp.tile(gather(label, axis), len(views))
        real = jnp.tile(gather(weight, axis), len(views)) > 0
        place, everywhere = own_rows(rows, axis), gather(label, axis).shape[0]
        values, counted = [], []
        for number, view in enumerate(views):
            others = (place + number * everywhere)[:, None] != jnp.arange(len(labels))
            positive = others & real & (label[:, None] == labels)
            logits = self.similarity(view, candidates) / self.temperature
            values.append(_mean_loss(logits, positive, others & real))
            counted.append(weight * jnp.any(positive, axis=1))
        total = sum(counted)
        value = sum(v * w for v, w in zip(values, counted, strict=True))
        return {"supervised": Term(value / jnp.maximum(total, 1e-12), total / len(views))}


def gathered(x: Embedded, axis: str | None) -> Embedded:
    """The rows of every device."""
    return jax.tree.map(lambda a: gather(a, axis), x)


def _mean_loss(logits: Array, positive: Array, candidates: Array) -> Array:
    low = LOWEST
    total = jax.nn.logsumexp(jnp.where(candidates, logits, low), axis=1, keepdims=True)
    count = jnp.maximum(jnp.sum(positive, axis=1), 1)
    return jnp.sum(jnp.where(positive, total - logits, 0.0), axis=1) / count
