"""Pairs of documents weighted by what their order is worth."""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import Above, AtLeast, Part, check_ranges
from jaxemb.losses.base import LOWEST, Columns, Term
from jaxemb.losses.ranking import pair_term
from jaxemb.losses.scores import Compared, Scored, Scorer

SMALLEST_GAIN = 1e-10


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

    mu: Annotated[float, AtLeast(0)] = 10.0

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
    sigma: Annotated[float, Above(0)] = 1.0

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
