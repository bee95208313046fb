"""How far two scores agree on an order of the same things, such as models."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Num

from jaxemb.config import UsageError
from jaxemb.statistics.comparison import Comparison
from jaxemb.statistics.metrics import pearson, spearman

Points = Sequence[float | int] | Num[np.ndarray, " points"]
Ranks = Float64[np.ndarray, " points"]


class Correlation(NamedTuple):
    """A rank correlation, its interval and its two-sided p value."""

    value: float
    low: float
    high: float
    p: float


def rank_correlation(
    x: Points,
    y: Points,
    *,
    confidence: float = 0.95,
    permutations: int = 5040,
) -> Correlation:
    """Spearman's ρ, its two-sided p by permutation, and an interval by Fisher's z.

    All orders are counted where they are no more than `permutations` (up to 7 points). The variance
    of z is (1 + ρ² / 2) / (n - 3); below 4 points the interval is [-1, 1].

    Reference: Bonett and Wright, Sample Size Requirements for Pearson, Kendall and Spearman
    Correlations (2000).
    """
    from scipy.stats import rankdata

    ranks = rankdata(x), rankdata(y)
    value, points = pearson(*ranks), len(ranks[0])
    variance = (1 + value**2 / 2) / (points - 3) if points > 3 else np.inf
    p = _by_permutation(pearson, *ranks, permutations)
    return Correlation(value, *_fisher(value, variance, confidence), p)


def kendall(
    x: Points, y: Points, *, confidence: float = 0.95, permutations: int = 5040
) -> Correlation:
    """Kendall's τ-b of two rankings of the same models, with interval and p as `rank_correlation`.

        τ = (concordant - discordant) / √((pairs - ties in x) (pairs - ties in y))

    0 where one side is constant. The variance of z is .437 / (n - 4); below 5 points the interval is
    [-1, 1]. The points are a sample of models; for the noise of examples, see `rank_intervals`.

    Example:
        >>> found = kendall([0.9, 0.7, 0.6, 0.4, 0.2], [0.8, 0.7, 0.3, 0.5, 0.1])
        >>> round(found.value, 3), round(found.p, 3)
        (0.8, 0.083)

    Reference: Fieller, Hartley and Pearson, Tests for Rank Correlation Coefficients (1957).
    """
    from scipy.stats import rankdata

    ranks = rankdata(x), rankdata(y)
    value, points = _tau(*ranks), len(ranks[0])
    variance = 0.437 / (points - 4) if points > 4 else np.inf
    p = _by_permutation(_tau, *ranks, permutations)
    return Correlation(value, *_fisher(value, variance, confidence), p)


def _tau(x: Ranks, y: Ranks) -> float:
    one, other = np.triu_indices(len(x), 1)
    by_x, by_y = np.sign(x[one] - x[other]), np.sign(y[one] - y[other])
    pairs = np.count_nonzero(by_x) * np.count_nonzero(by_y)
    return float(by_x @ by_y / np.sqrt(pairs)) if pairs else 0.0


def _by_permutation(
    statistic: Callable[[Ranks, Ranks], float], x: Ranks, y: Ranks, permutations: int
) -> float:
    """Two-sided p over orders of one side; all of them where they are few."""
    from scipy.stats import permutation_test

    found = permutation_test(
        (x,),
        lambda left: statistic(left, y),
        permutation_type="pairings",
        n_resamples=permutations,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _fisher(value: float, variance: float, confidence: float) -> tuple[float, float]:
    """Both ends of an interval that is symmetric in arctanh."""
    from scipy.stats import norm

    half = norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    z = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def correlation_difference(x: Points, other: Points, y: Points) -> Comparison:
    """How much better `x` goes with `y` than `other` does: ρ(x, y) - ρ(other, y), by Spearman.

    All three are measured on the same things, so neither correlation is known apart from the other:
    the variance comes from leaving out one thing at a time.

    Raises:
        UsageError: there are fewer than four points.

    Example:
        >>> found = correlation_difference([1, 2, 3, 4, 5], [2, 1, 5, 4, 3], [1, 2, 3, 5, 4])
        >>> round(found.effect, 3), found.degrees
        (0.3, 4)
    """
    columns = np.array([x, other, y], np.float64)
    points = columns.shape[1]
    if points < 4:
        raise UsageError(f"Correlations are compared over at least four points, not {points}.")
    without = np.array([_gain(np.delete(columns, point, 1)) for point in range(points)])
    return Comparison(
        effect=_gain(columns),
        seed_variance=0.0,
        example_variance=float((points - 1) * np.var(without)),
        degrees=points - 1,
        clusters=points,
    )


def _gain(columns: Float64[np.ndarray, "3 points"]) -> float:
    return spearman(columns[0], columns[2]) - spearman(columns[1], columns[2])
