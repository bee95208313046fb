"""Scores of word tasks and probes that are no mean over examples, each a function of records."""

import numpy as np
from jaxtyping import Float, Int

ROUNDING = 1e-6
"""Cosines closer than this are equal: float32 sums of the same numbers differ by as much."""


def purity(
    assignment: Int[np.ndarray, "examples runs"], label: Int[np.ndarray, " examples"]
) -> float:
    """Share of examples in the largest class of their group, averaged over the runs.

    Reference: Manning, Raghavan and Schütze, Introduction to Information Retrieval, section 16.3.
    """
    from sklearn.metrics.cluster import contingency_matrix

    return float(
        np.mean([contingency_matrix(label, run).max(axis=0).sum() for run in assignment.T])
        / len(label)
    )


def macro_mean(
    values: Float[np.ndarray, " examples"], category: Int[np.ndarray, " examples"]
) -> float:
    """Mean over the categories of the mean in each, every category counting the same."""
    places = np.unique(category, return_inverse=True)[1]
    return float(np.mean(np.bincount(places, weights=values) / np.bincount(places)))


def median(values: Float[np.ndarray, " examples"]) -> float:
    """The middle value, or the mean of the middle two."""
    return float(np.median(values))


def effect_size(
    association: Float[np.ndarray, " examples"], group: Int[np.ndarray, " examples"]
) -> float:
    """(mean of group 0 - mean of group 1) / standard deviation of both together, n - 1 below.

    0 where a group is empty or all values are equal. Reference: arXiv:1608.07187.
    """
    first, second = association[group == 0], association[group == 1]
    if len(first) == 0 or len(second) == 0 or np.ptp(association) == 0:
        return 0.0
    return float((first.mean() - second.mean()) / association.std(ddof=1))
