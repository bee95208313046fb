"""Losses over the order of a row's own documents, whose labels are grades of relevance."""

import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import Above, AtLeast
from jaxemb.losses.base import LOWEST, Columns, Loss, Term, row_weights
from jaxemb.losses.scores import Compared, PairScores, Scored, Scorer


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankNet(Scored):
    r"""Of two documents, the one with the higher label should score higher.

    $$\log \big( 1 + e^{\sigma (s_j - s_i)} \big), \quad y_i > y_j$$

    averaged over all such pairs of the batch: a row weighs as much as it has pairs.

    Columns: the scorer's, and `score` `[rows, documents]`, the labels.

    Args:
        scores: makes $s$.
        sigma: $\sigma$.

    Example:
        >>> RankNet(scores=Compared(temperature=0.1))

    Reference: Burges et al., Learning to Rank using Gradient Descent, 2005; Liu et al.,
    E2Rank, arXiv:2510.22733.
    """

    scores: Scorer = Compared()
    sigma: Annotated[float, Above(0)] = 1.0

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `order`."""
        found, real = self.scores(columns)
        label = self.wanted(columns, found.shape[1])
        higher = (label[:, :, None] > label[:, None, :]) & real[:, :, None] & real[:, None, :]
        values = jax.nn.softplus(self.sigma * (found[:, None, :] - found[:, :, None]))
        return {"order": pair_term(values, higher, columns)}


def pair_term(values: Array, counts: Array, columns: Columns) -> Term:
    """The mean over pairs of documents that count, in all rows together."""
    count = jnp.sum(counts, axis=(1, 2))
    value = jnp.sum(jnp.where(counts, values, 0.0), axis=(1, 2)) / jnp.maximum(count, 1)
    return Term(value, row_weights(columns, len(value)) * count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListNet(Scored):
    r"""The softmax of the labels as the distribution that the scores' softmax should have.

    $$\ell_i = -\sum_j \mathrm{softmax}(y_i)_j \log \mathrm{softmax}(s_i)_j$$

    Columns: the scorer's, and `score` `[rows, documents]`, the labels.

    Args:
        scores: makes $s$.

    Example:
        >>> ListNet(scores=Compared(temperature=0.05))

    Reference: Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach, 2007.
    """

    scores: Scorer = Compared()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `list`."""
        found, real = self.scores(columns)
        label = self.wanted(columns, found.shape[1])
        share = jax.nn.softmax(jnp.where(real, label, LOWEST), axis=1)
        guess = jax.nn.log_softmax(jnp.where(real, found, LOWEST), axis=1)
        value = -jnp.sum(jnp.where(real, share * guess, 0.0), axis=1)
        return {"list": Term(value, row_weights(columns, len(value)))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirstDocument(Loss):
    r"""The first document is the answer, whatever the grades: $-\log \mathrm{softmax}(s_i)_0$.

    A row with one document does not count. For a cross-encoder; two towers have `InfoNCE` with
    `QueryToOwnDocuments()`.

    Columns: the scorer's.

    Args:
        scores: makes $s$.

    Example:
        >>> FirstDocument(scores=Squashed())
    """

    scores: Scorer = PairScores()

    @property
    def needs(self) -> tuple[str, ...]:
        """The scorer's."""
        return self.scores.needs

    @property
    def vectors(self) -> tuple[str, ...]:
        """The scorer's."""
        return self.scores.vectors

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `first`."""
        found, real = self.scores(columns)
        others = jax.nn.logsumexp(jnp.where(real, found - found[:, :1], LOWEST)[:, 1:], axis=1)
        more = jnp.sum(real[:, 1:], axis=1) > 0
        value = jnp.where(more, jax.nn.softplus(others), 0.0)
        return {"first": Term(value, row_weights(columns, len(value)) * more)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankRegression(Scored):
    r"""The rank that the scores give, made smooth, should be the labels' rank.

    $$\frac{1}{\log_2(1 + r_j)} (r_j - \hat r_j)^2, \quad
    \hat r_j = 1 + \sum_{k \ne j} \sigma\big(\alpha (s_k - s_j)\big)$$

    averaged over all documents of the batch; equal labels share the mean of their ranks.

    Columns: the scorer's, and `score` `[rows, documents]`, the labels.

    Args:
        scores: makes $s$.
        alpha: $\alpha$; the larger, the nearer to the true rank, and the flatter.

    Example:
        >>> RankRegression(alpha=1.0)

    Reference: Schlatt et al., Rank-DistiLLM, arXiv:2405.07920.
    """

    scores: Scorer = Compared()
    alpha: Annotated[float, AtLeast(0)] = 1.0

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `rank`."""
        found, real = self.scores(columns)
        label = self.wanted(columns, found.shape[1])
        there = real[:, None, :]
        above = jnp.sum((label[:, None, :] > label[:, :, None]) & there, axis=2)
        ties = jnp.sum((label[:, None, :] == label[:, :, None]) & there, axis=2)
        rank = above + (ties + 1) / 2
        ahead = jax.nn.sigmoid(self.alpha * (found[:, None, :] - found[:, :, None]))
        # A document is half ahead of itself.
        guess = 0.5 + jnp.sum(jnp.where(there, ahead, 0.0), axis=2)
        errors = jnp.where(real, (rank - guess) ** 2 / jnp.log2(rank + 1), 0.0)
        count = jnp.sum(real, axis=1)
        value = jnp.sum(errors, axis=1) / jnp.maximum(count, 1)
        return {"rank": Term(value, row_weights(columns, len(value)) * count)}
