"""Tests of the mean difference of two sets of values measured on the same examples.

Examples of one cluster (functions of one module, say) vary together: every routine that takes
`clusters` resamples or flips whole clusters. Without clusters every example is its own.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

Values = Float[np.ndarray, " examples"]
Clusters = Int[np.ndarray, " examples"]


class PairedTest(NamedTuple):
    """Mean difference of two paired sets of values, its interval and its two-sided p value."""

    effect: float
    low: float
    high: float
    p: float


def cluster_sums(
    values: Values, clusters: Clusters | None = None
) -> tuple[Float64[np.ndarray, " clusters"], Float64[np.ndarray, " clusters"]]:
    """Sum of the values in every cluster, and its number of examples."""
    values = np.asarray(values, np.float64)
    if clusters is None:
        return values, np.ones_like(values)
    places = np.unique(clusters, return_inverse=True)[1]
    return np.bincount(places, weights=values), np.bincount(places).astype(np.float64)


def cluster_variance(values: Values, clusters: Clusters | None = None) -> float:
    """Cluster-robust variance of the mean.

        C / (C - 1) · Σ_c (Σ_{i in c} (x_i - x̄))² / n²

    With every example its own cluster that is s² / n. NaN for a single cluster.

    Reference: Liang and Zeger, Biometrika 73 (1986); the factor is the CR1 correction.

    Example:
        >>> float(cluster_variance(np.array([1.0, 2.0, 3.0])))
        0.333...
    """
    sums, sizes = cluster_sums(values, clusters)
    if len(sums) < 2:
        return float("nan")
    residuals = sums - sizes * (sums.sum() / sizes.sum())
    return float(np.sum(residuals**2) / sizes.sum() ** 2 * len(sums) / (len(sums) - 1))


def paired_bootstrap(
    a: Values,
    b: Values,
    *,
    clusters: Clusters | None = None,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Percentile interval of mean(a - b) over resampled clusters, and p from the same samples.

    p is twice the smaller share of resampled differences on either side of 0 (at least
    2 / (resamples + 1)).

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    sums, sizes = cluster_sums(np.asarray(a, np.float64) - b, clusters)
    samples = _resampled_means(sums, sizes, resamples, seed)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    tail = 1 + min(np.sum(samples <= 0), np.sum(samples >= 0))
    p = min(1.0, 2 * tail / (resamples + 1))
    return PairedTest(float(sums.sum() / sizes.sum()), float(low), float(high), float(p))


def _resampled_means(
    sums: Float64[np.ndarray, " clusters"],
    sizes: Float64[np.ndarray, " clusters"],
    resamples: int,
    seed: int,
) -> Float64[np.ndarray, " resamples"]:
    """Means of clusters drawn with replacement; in pieces, so that memory stays small."""
    draw = np.random.default_rng(seed)
    count = len(sums)
    piece = max(1, 2_000_000 // count)
    means = []
    for start in range(0, resamples, piece):
        rows = min(piece, resamples - start)
        picks = draw.integers(count, size=(rows, count))
        means.append(sums[picks].sum(axis=1) / sizes[picks].sum(axis=1))
    return np.concatenate(means)


def permutation_test(
    a: Values,
    b: Values,
    *,
    clusters: Clusters | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided p of mean(a - b) when a and b are swapped within whole clusters at random.

    All 2^C swaps are counted where they are no more than `permutations`; otherwise p is
    (1 + hits) / (1 + permutations), which is never 0.

    Reference: Fisher, The Design of Experiments (1935), section 21; Phipson and Smyth (2010).
    """
    sums, _ = cluster_sums(np.asarray(a, np.float64) - b, clusters)
    observed = abs(sums.sum()) * (1 - 1e-12)  # rounding must not part equal sums
    if 2 ** min(len(sums), 60) <= permutations:
        signs = 1 - 2 * (np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1)
        return float(np.mean(np.abs(signs @ sums) >= observed))
    draw = np.random.default_rng(seed)
    piece = max(1, 2_000_000 // len(sums))
    hits = 0
    for start in range(0, permutations, piece):
        signs = draw.choice([-1.0, 1.0], size=(min(piece, permutations - start), len(sums)))
        hits += int(np.sum(np.abs(signs @ sums) >= observed))
    return (1 + hits) / (1 + permutations)


def wilcoxon(a: Values, b: Values) -> float:
    """Two-sided p of the signed-rank test of a - b; 1 where the two never differ.

    Exact without ties up to 50 values, and with ties up to 13, where scipy would take the normal
    approximation: a few tasks' worth, with scores that are often equal.

    Reference: scipy.stats.wilcoxon (zero differences dropped).

    Example:
        >>> wilcoxon(np.array([0.5, 0.7, 0.7, 0.9, 0.8]), np.array([0.4, 0.6, 0.6, 0.7, 0.5]))
        0.0625
    """
    from scipy.stats import rankdata
    from scipy.stats import wilcoxon as signed_rank

    difference = np.asarray(a, np.float64) - b
    difference = difference[difference != 0]
    if not len(difference):
        return 1.0
    size = np.round(np.abs(difference), 12)  # rounding must not part equal differences
    signed = np.sign(difference) * size
    if len(np.unique(size)) < len(size) <= 13:
        return permutation_test(np.sign(signed) * rankdata(size), np.zeros(len(size)))
    return float(signed_rank(signed).pvalue)
