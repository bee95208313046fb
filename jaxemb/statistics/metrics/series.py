"""Scores of series and samples: slopes, spreads, differences of groups."""

import numpy as np
from jaxtyping import Float, Int

from jaxemb.statistics.metrics.pairs import pearson


def slope(
    y: Float[np.ndarray, " examples"],
    x: Float[np.ndarray, " examples"],
    *others: Float[np.ndarray, " examples"],
) -> float:
    """Coefficient of x in the least-squares fit of y on x, the others and a constant.

    0 where x does not vary beyond what the others and the constant tell.
    """
    rest = np.stack([np.ones(len(x)), *others], axis=1).astype(np.float64)
    own, target = (v - rest @ np.linalg.lstsq(rest, v, rcond=None)[0] for v in (x, y))
    if own @ own <= 1e-20 * (x @ x):
        return 0.0
    return float(own @ target / (own @ own))


def mean_similarity(
    matrix: Float[np.ndarray, "examples all"], place: Int[np.ndarray, " examples"]
) -> float:
    """Mean over pairs of different examples; `place` as in `structure_agreement`."""
    square = np.asarray(matrix[:, place], np.float64)
    count = len(square)
    return float((square.sum() - np.trace(square)) / (count * (count - 1))) if count > 1 else 0.0


def log_slope(
    heights: Float[np.ndarray, "examples points"], places: Float[np.ndarray, "examples points"]
) -> float:
    """Least-squares slope of log mean height against log mean place; 0 if a height is 0.

    The means are over the examples: a curve of them all, not the mean of their slopes.
    """
    height, place = heights.mean(axis=0), np.log(places.mean(axis=0))
    if not height.min() > 0 or np.ptp(place) == 0:
        return 0.0
    return float(np.polyfit(place, np.log(height), 1)[0])


def spread(values: Float[np.ndarray, " examples"]) -> float:
    """Standard deviation over the examples (n - 1)."""
    return float(np.std(values, ddof=1))


def structure_agreement(
    a: Float[np.ndarray, "examples all"],
    b: Float[np.ndarray, "examples all"],
    place: Int[np.ndarray, " examples"],
) -> float:
    """Pearson correlation of two similarity matrices over pairs of different examples.

    Where examples are left out their rows are: `place` says which column is a row's own, and with
    the rows of an example go its columns.
    """
    upper = np.triu_indices(len(place), 1)
    return pearson(a[:, place][upper], b[:, place][upper])


def macro_mean(
    values: Float[np.ndarray, " examples"], category: Int[np.ndarray, " examples"]
) -> float:
    """Mean over the categories of the mean in each, every category counting the same."""
    places = np.unique(category, return_inverse=True)[1]
    return float(np.mean(np.bincount(places, weights=values) / np.bincount(places)))


def median(values: Float[np.ndarray, " examples"]) -> float:
    """The middle value, or the mean of the middle two."""
    return float(np.median(values))


def smooth_median(values: Float[np.ndarray, " examples"]) -> float:
    """The median by all order statistics, those near the middle weighing most.

    Left out one at a time, examples move the plain median by two values only, whatever the sample:
    the jackknife of it does not tell its variance. This one it does.

    Reference: Harrell and Davis, A New Distribution-Free Quantile Estimator (1982).
    """
    from scipy.stats.mstats import hdquantiles

    return float(hdquantiles(values, prob=[0.5])[0])


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
