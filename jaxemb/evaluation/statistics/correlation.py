"""How far two scores agree on an order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Num

from jaxemb.evaluation.metrics import pearson


class Correlation(NamedTuple):
    """A rank correlation, its interval and its two-sided p value."""

    value: float
    low: float
    high: float
    p: float


def rank_correlation(
    x: Sequence[float | int] | Num[np.ndarray, " points"],
    y: Sequence[float | int] | Num[np.ndarray, " points"],
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
    from scipy.stats import norm, permutation_test, rankdata

    ranks = rankdata(x), rankdata(y)
    value = pearson(*ranks)
    p = permutation_test(
        (ranks[0],),
        lambda left: pearson(left, ranks[1]),
        permutation_type="pairings",
        n_resamples=permutations,
        rng=np.random.default_rng(0),
    ).pvalue
    if len(ranks[0]) < 4:
        return Correlation(value, -1.0, 1.0, float(p))
    half = norm.ppf((1 + confidence) / 2) * np.sqrt((1 + value**2 / 2) / (len(ranks[0]) - 3))
    z = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return Correlation(value, float(np.tanh(z - half)), float(np.tanh(z + half)), float(p))
