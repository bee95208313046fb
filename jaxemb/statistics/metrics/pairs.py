"""Scores of predictions against gold values: correlations, and matches above thresholds."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Int, Num


def ranks(values: Num[np.ndarray, "..."], axis: int | None = None) -> Float64[np.ndarray, "..."]:
    """Places from the smallest value, 1, to the largest; ties share their mean rank.

    Over the whole array, or along an axis. Reference: scipy.stats.rankdata.

    Example:
        >>> ranks(np.array([0.3, 0.1, 0.3])).tolist()
        [2.5, 1.0, 2.5]
    """
    from scipy.stats import rankdata

    return rankdata(np.asarray(values, np.float64), axis=axis)


def spearman(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Pearson correlation of the ranks, ties sharing their mean rank; 0 if one side is constant."""
    return pearson(ranks(prediction), ranks(gold))


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
    prediction: Num[np.ndarray, "examples *runs"], gold: Num[np.ndarray, " examples"]
) -> float:
    """Σ_n (R_n - R_{n-1}) P_n over the thresholds of `prediction`, averaged over the runs.

    `gold` is 1 or 0; 0 where no example is positive.

    Reference: sklearn.metrics.average_precision_score.
    """
    from sklearn.metrics import average_precision_score

    if not np.any(gold > 0):
        return 0.0
    runs = prediction.reshape(len(gold), -1).T
    return float(np.mean([average_precision_score(gold > 0, run) for run in runs]))


def best_accuracy(
    prediction: Float[np.ndarray, " examples"], gold: Num[np.ndarray, " examples"]
) -> float:
    """The accuracy of calling all pairs above one threshold a match, at the best threshold.

    Thresholds lie between two different predictions: tied examples are never parted, and neither all
    nor none are called a match. 0 where all predictions are one.
    """
    hits, called = _above_thresholds(prediction, gold)
    misses = np.sum(gold <= 0) - (called - hits)
    return float(np.max((hits + misses) / len(gold), initial=0.0))


def best_f1(
    prediction: Float[np.ndarray, " examples"], gold: Num[np.ndarray, " examples"]
) -> float:
    """2PR / (P + R) at the threshold where it is highest; thresholds as in `best_accuracy`."""
    return _at_best_f1(prediction, gold)[0]


def best_precision(
    prediction: Float[np.ndarray, " examples"], gold: Num[np.ndarray, " examples"]
) -> float:
    """The precision at the threshold of `best_f1`."""
    return _at_best_f1(prediction, gold)[1]


def best_recall(
    prediction: Float[np.ndarray, " examples"], gold: Num[np.ndarray, " examples"]
) -> float:
    """The recall at the threshold of `best_f1`."""
    return _at_best_f1(prediction, gold)[2]


def _at_best_f1(prediction: np.ndarray, gold: np.ndarray) -> tuple[float, float, float]:
    """F1, precision and recall; the highest of several best thresholds counts."""
    hits, called = _above_thresholds(prediction, gold)
    hits, called = hits[hits > 0], called[hits > 0]
    if len(hits) == 0:
        return 0.0, 0.0, 0.0
    precision, recall = hits / called, hits / np.sum(gold > 0)
    f1 = 2 * precision * recall / (precision + recall)
    best = int(np.argmax(f1))
    return float(f1[best]), float(precision[best]), float(recall[best])


def _above_thresholds(
    prediction: np.ndarray, gold: np.ndarray
) -> tuple[Int[np.ndarray, " cuts"], Int[np.ndarray, " cuts"]]:
    """Matches above each threshold and all examples above it, from the highest threshold down."""
    order = np.argsort(-prediction, kind="stable")
    apart = np.flatnonzero(np.diff(prediction[order]) != 0)
    return np.cumsum(gold[order] > 0)[apart], apart + 1


def roc_auc(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Chance that a positive example is predicted higher than a negative one, ties a half.

    0.5 where one kind is missing. Reference: sklearn.metrics.roc_auc_score.
    """
    positive = np.asarray(gold) > 0
    hits, rest = int(positive.sum()), int((~positive).sum())
    if not hits or not rest:
        return 0.5
    return float((ranks(prediction)[positive].sum() - hits * (hits + 1) / 2) / (hits * rest))


CORRELATIONS: dict[str, Callable[..., float]] = {"spearman": spearman, "pearson": pearson}

MATCHING: dict[str, Callable[..., float]] = {
    "ap": average_precision,
    "accuracy": best_accuracy,
    "f1": best_f1,
    "precision": best_precision,
    "recall": best_recall,
}
