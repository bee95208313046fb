"""Losses over the order of a row's own documents, whose labels are grades of relevance."""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import AtLeast, Part, check_ranges
from jaxemb.losses.base import Columns, Loss, Term, row_weights
from jaxemb.losses.scores import Compared, PairScores, Scored, Scorer

LOWEST = jnp.finfo(jnp.float32).min
SMALLEST_GAIN = 1e-10


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
    sigma: float = 1.0

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


class PlaceWeights(Part):
    """Slot: how much the place in a list counts, `places, documents -> weights`."""

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Weights of places, which count from 1, in a list of so many documents."""
        raise TypeError(f"{type(self).__name__} must define __call__(places, documents)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualPlaces(PlaceWeights):
    """Every place counts 1."""

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Ones."""
        return jnp.ones_like(places)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HalvingPlaces(PlaceWeights):
    r"""The place $r$ of $n$ counts $2^{n - r} - 1$, over the sum: the first half as much again.

    The last place has one way to be filled, and counts nothing.
    """

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Divided by the power of the first place before it is taken, so that nothing overflows."""
        weights = jnp.exp2(1 - places) - jnp.exp2(1 - documents)
        weights = jnp.where(places <= documents, weights, 0.0)
        return weights / jnp.maximum(jnp.sum(weights, axis=1, keepdims=True), SMALLEST_GAIN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListMLE(Scored):
    r"""The likelihood of the labels' order, drawing one document after another by its score.

    $$\ell_i = \sum_r w_r \Big( \log \sum_{r' \ge r} e^{s_{(r')}} - s_{(r)} \Big)$$

    where $(r)$ is the document of place $r$ by label; equal labels keep the order of the batch.

    Columns: the scorer's, and `score` `[rows, documents]`, the labels.

    Args:
        scores: makes $s$.
        places: $w$; with `HalvingPlaces()` it is the position-aware form.

    Example:
        >>> ListMLE(places=HalvingPlaces())

    Reference: Xia et al., Listwise Approach to Learning to Rank, 2008; Lan et al., Position-Aware
    ListMLE, 2014.
    """

    scores: Scorer = Compared()
    places: PlaceWeights = EqualPlaces()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `list`."""
        found, real = self.scores(columns)
        label = jnp.where(real, self.wanted(columns, found.shape[1]), -jnp.inf)
        order = jnp.argsort(-label, axis=1, stable=True)
        found, real = (jnp.take_along_axis(x, order, axis=1) for x in (found, real))
        masked = jnp.where(real, found, LOWEST)
        left = jnp.flip(jax.lax.cumlogsumexp(jnp.flip(masked, axis=1), axis=1), axis=1)
        documents = jnp.sum(real, axis=1, keepdims=True).astype(jnp.float32)
        places = jnp.broadcast_to(jnp.arange(1.0, found.shape[1] + 1), found.shape)
        values = self.places(places, documents) * (left - found)
        value = jnp.sum(jnp.where(real, values, 0.0), axis=1)
        return {"list": Term(value, row_weights(columns, len(value)))}


class ByScore(NamedTuple):
    """A row's documents in the order of their scores, with what they are worth.

    Attributes:
        gain: $(2^{y} - 1)$ over the best list's DCG.
        discount: $\\log_2(1 + r)$ of the place $r$.
    """

    gain: Float32[Array, "rows n"]
    discount: Float32[Array, " n"]


class PairWeights(Part):
    """Slot: how much a pair of documents counts, `ByScore -> [rows, n, n]`."""

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """Weights of the pair (i, j)."""
        raise TypeError(f"{type(self).__name__} must define __call__(ranked)")

    def counts(self, higher: Bool[Array, "rows n n"], both: Bool[Array, "rows n n"]) -> Array:
        """Which pairs there are: those of a higher and a lower label."""
        return higher


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualPairs(PairWeights):
    """Every pair counts 1, as in `RankNet`."""

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """Ones."""
        n = ranked.gain.shape[1]
        return jnp.ones((len(ranked.gain), n, n))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NDCGLoss1(PairWeights):
    r"""$G_i / D_i$, over all pairs: a bound of NDCG's loss, and a loose one."""

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """By the first document alone."""
        n = ranked.gain.shape[1]
        weights = (ranked.gain / ranked.discount)[:, :, None]
        return jnp.broadcast_to(weights, (len(weights), n, n))

    def counts(self, higher: Bool[Array, "rows n n"], both: Bool[Array, "rows n n"]) -> Array:
        """All of them."""
        return both


@dataclasses.dataclass(frozen=True, kw_only=True)
class NDCGLoss2(PairWeights):
    r"""$\lvert G_i - G_j \rvert \, \lvert 1/D_k - 1/D_{k+1} \rvert$ with $k = \lvert i - j \rvert$."""

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """By how far apart the two stand."""
        place = jnp.arange(len(ranked.discount))
        apart = jnp.abs(place[:, None] - place[None, :])
        inverse = 1 / ranked.discount
        step = jnp.abs(inverse[jnp.maximum(apart - 1, 0)] - inverse[apart])
        return jnp.where(apart > 0, step, 0.0) * _gain_gaps(ranked)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LambdaRank(PairWeights):
    r"""$\lvert G_i - G_j \rvert \, \lvert 1/D_i - 1/D_j \rvert$: what swapping the two would cost."""

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """By where the two stand."""
        inverse = 1 / ranked.discount
        return jnp.abs(inverse[:, None] - inverse[None, :]) * _gain_gaps(ranked)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NDCGLoss2PP(PairWeights):
    r"""$\mu$ times `NDCGLoss2` and `LambdaRank` together."""

    mu: float = 10.0

    def __call__(self, ranked: ByScore) -> Float32[Array, "rows n n"]:
        """The sum."""
        return self.mu * NDCGLoss2()(ranked) + LambdaRank()(ranked)


def _gain_gaps(ranked: ByScore) -> Float32[Array, "rows n n"]:
    return jnp.abs(ranked.gain[:, :, None] - ranked.gain[:, None, :])


@dataclasses.dataclass(frozen=True, kw_only=True)
class LambdaLoss(Scored):
    r"""`RankNet` with pairs weighted by what their order is worth in NDCG.

    $$-w_{ij} \log_2 \sigma\big(s_i - s_j\big), \quad y_i > y_j$$

    averaged over all such pairs of the batch. Places are those of the scores, and have no gradient.

    Columns: the scorer's, and `score` `[rows, documents]`, labels from 0; higher is better.

    Args:
        scores: makes $s$.
        pairs: $w$.
        cut: only pairs that touch the first so many places, and NDCG at that cut; None for all.
        sigma: multiplies score differences.

    Raises:
        UsageError: `cut` is below 1.

    Example:
        >>> LambdaLoss(pairs=LambdaRank(), cut=10)

    Reference: Wang et al., The LambdaLoss Framework for Ranking Metric Optimization, 2018.
    """

    scores: Scorer = Compared()
    pairs: PairWeights = NDCGLoss2PP()
    cut: Annotated[int | None, AtLeast(1)] = None
    sigma: float = 1.0

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `order`."""
        found, real = self.scores(columns)
        label = self.wanted(columns, found.shape[1])
        order = jnp.argsort(-jnp.where(real, found, LOWEST), axis=1, stable=True)
        found, label, real = (jnp.take_along_axis(x, order, axis=1) for x in (found, label, real))
        weights = jax.lax.stop_gradient(self.pairs(self._worth(label, real)))
        both = real[:, :, None] & real[:, None, :]
        counts = self.pairs.counts(both & (label[:, :, None] > label[:, None, :]), both)
        values = weights * jax.nn.softplus(self.sigma * (found[:, None, :] - found[:, :, None]))
        return {"order": pair_term(values / jnp.log(2.0), counts & self._within(counts), columns)}

    def _worth(self, label: Array, real: Array) -> ByScore:
        grades = jnp.where(real, jnp.maximum(label, 0.0), 0.0)
        discount = jnp.log2(jnp.arange(2.0, label.shape[1] + 2))
        best = jnp.flip(jnp.sort(grades, axis=1), axis=1)
        ideal = jnp.sum(((jnp.exp2(best) - 1) / discount)[:, : self.cut], axis=1)
        gain = (jnp.exp2(grades) - 1) / jnp.maximum(ideal, SMALLEST_GAIN)[:, None]
        return ByScore(gain, discount)

    def _within(self, counts: Array) -> Array:
        place = jnp.arange(counts.shape[1])
        first = place < (counts.shape[1] if self.cut is None else self.cut)
        return first[:, None] | first[None, :]


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
    alpha: float = 1.0

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
