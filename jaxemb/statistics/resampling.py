"""Uncertainty of any statistic of per-example records: whole clusters left out.

Examples of one cluster (functions of one module, say) vary together.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Int, Num

Clusters = Int[np.ndarray, " examples"]
Records = dict[str, Num[np.ndarray, "examples *rest"]]


def jackknife(
    statistic: Callable[[Records], float], records: Records, clusters: Clusters
) -> Float64[np.ndarray, " clusters"]:
    """Influence of every cluster: how far the statistic falls when the cluster is left out.

        u_c = mean_k T_(-k) - T_(-c),   var(T) ≈ (C - 1) / C · Σ_c u_c²

    For a mean over examples in clusters of one size that is the variance of the clusters' means.

    Reference: Efron and Stein, The Jackknife Estimate of Variance (1981).
    """
    places = np.unique(clusters, return_inverse=True)[1]
    left_out = np.array(
        [
            statistic({name: values[places != c] for name, values in records.items()})
            for c in range(places.max() + 1)
        ]
    )
    return left_out.mean() - left_out


def jackknife_mean(
    values: Num[np.ndarray, " examples"], clusters: Clusters
) -> Float64[np.ndarray, " clusters"]:
    """`jackknife` of the mean, in closed form."""
    places = np.unique(clusters, return_inverse=True)[1]
    sums, sizes = np.bincount(places, weights=values), np.bincount(places)
    left_out = (sums.sum() - sums) / (sizes.sum() - sizes)
    return left_out.mean() - left_out


def jackknife_variance(
    influence: Float[np.ndarray, "*arms clusters"],
) -> Float64[np.ndarray, "*arms"]:
    """(C - 1) / C · Σ_c u_c² along the last axis."""
    count = influence.shape[-1]
    return np.asarray((count - 1) / count * np.sum(influence**2, axis=-1), np.float64)


def grouped(clusters: Clusters, groups: int) -> Clusters:
    """Clusters gathered at random, always the same way, into at most `groups` groups.

    Leaving out whole groups estimates the same variance as leaving out single clusters, at a cost
    that no longer grows with the corpus.
    """
    names, places = np.unique(clusters, return_inverse=True)
    if len(names) <= groups:
        return places.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(names))
    return (order % groups)[places].astype(np.int64)
