"""Scores that are no mean over examples, each a function of per-example records.

The same function gives the printed score and, on resampled records, its uncertainty.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num


def spearman(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Pearson correlation of the ranks, ties sharing their mean rank; 0 if one side is constant.

    Reference: scipy.stats.rankdata.
    """
    from scipy.stats import rankdata

    return pearson(rankdata(prediction), rankdata(gold))


def pearson(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Σ (p - p̄)(g - ḡ) / √(Σ (p - p̄)² Σ (g - ḡ)²); 0 if one side is constant."""
    prediction = np.asarray(prediction, np.float64)
    gold = np.asarray(gold, np.float64)
    if np.ptp(prediction) == 0 or np.ptp(gold) == 0:
        return 0.0  # a constant orders nothing
    prediction = prediction - prediction.mean()
    gold = gold - gold.mean()
    return float(prediction @ gold / np.sqrt((prediction @ prediction) * (gold @ gold)))


def average_precision(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Σ_n (R_n - R_{n-1}) P_n over the thresholds of `prediction`; `gold` is 1 or 0.

    0 where no example is positive. Reference: sklearn.metrics.average_precision_score.
    """
    from sklearn.metrics import average_precision_score

    if not np.any(gold > 0):
        return 0.0
    return float(average_precision_score(gold > 0, prediction))


def macro_f1(
    assignment: Int[np.ndarray, " examples"], label: Int[np.ndarray, " examples"]
) -> float:
    """Mean over the classes of 2 hits / (predicted + true), each class counting the same.

    Reference: sklearn.metrics.f1_score(average="macro").
    """
    from sklearn.metrics import f1_score

    return float(f1_score(label, assignment, average="macro", zero_division=0))


def v_measure(
    assignment: Int[np.ndarray, "examples runs"], label: Int[np.ndarray, " examples"]
) -> float:
    """Harmonic mean of homogeneity and completeness, averaged over the runs of a clustering.

    Reference: Rosenberg and Hirschberg, V-Measure (EMNLP 2007); sklearn.metrics.v_measure_score.
    """
    from sklearn.metrics import v_measure_score

    return float(np.mean([v_measure_score(label, run) for run in assignment.T]))


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


class Statistic(NamedTuple):
    """A score of a whole set: `function(*(examples[name] for name in records))`."""

    function: Callable[..., float]
    records: tuple[str, str]

    def __call__(self, examples: dict[str, Num[np.ndarray, "examples *rest"]]) -> float:
        return self.function(*(examples[name] for name in self.records))


STATISTICS: dict[str, Statistic] = {
    "spearman": Statistic(spearman, ("prediction", "gold")),
    "pearson": Statistic(pearson, ("prediction", "gold")),
    "ap": Statistic(average_precision, ("prediction", "gold")),
    "macro_f1": Statistic(macro_f1, ("assignment", "label")),
    "v_measure": Statistic(v_measure, ("assignment", "label")),
    "growth": Statistic(log_slope, ("by_count", "counts")),
    "decay": Statistic(log_slope, ("by_length", "lengths")),
}
"""Metric name to how it is computed from records; any other metric is a mean over examples."""


def statistic_of(metric: str) -> Statistic | None:
    """How a metric is computed from records; None for one that is a mean over examples.

    A reworded task's `spearman.mean` and `spearman.drop` are computed from records that have an axis
    of runs `[examples, 1 + runs]`, the original texts first.

    Example:
        >>> runs = np.array([[0.1, 0.3, 0.2], [0.2, 0.2, 0.3], [0.3, 0.1, 0.1]])
        >>> statistic_of("spearman.drop").function(runs, np.array([1.0, 2.0, 3.0]))
        1.75
    """
    name, _, of = metric.rpartition(".")
    if metric in STATISTICS or name not in STATISTICS or of not in ("mean", "drop"):
        return STATISTICS.get(metric)
    inner = STATISTICS[name]

    def over_runs(
        own: Num[np.ndarray, "examples *rest"], gold: Num[np.ndarray, " examples"]
    ) -> float:
        scores = [inner.function(own[:, run], gold) for run in range(own.shape[1])]
        mean = float(np.mean(scores[1:]))
        return mean if of == "mean" else scores[0] - mean

    return Statistic(over_runs, inner.records)
