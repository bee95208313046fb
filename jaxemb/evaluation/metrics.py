"""Scores that are no mean over examples, each a function of per-example records.

The same function gives the printed score and, on resampled records, its uncertainty.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Num, Shaped

from jaxemb.evaluation.scores import effect_size, macro_mean, median, purity
from jaxemb.evaluation.similarities import SIMILARITIES


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


def macro_f1(
    assignment: Shaped[np.ndarray, "examples ..."], label: Shaped[np.ndarray, "examples ..."]
) -> float:
    """Mean over the classes of 2 hits / (predicted + true), each class counting the same.

    `label` is a class an example, `[examples]`, or several, `[examples, labels]` of 0 and 1;
    `assignment` has the same shape, or one more axis of runs, over which the score is averaged. A
    class that is neither predicted nor true counts 0 where its column is there, else not at all.

    Reference: sklearn.metrics.f1_score(average="macro", zero_division=0).
    """
    runs = assignment.reshape(*label.shape, -1)
    named = label.ndim == 2
    if not named:
        classes = np.union1d(label, runs)
        label, runs = label[:, None] == classes, runs[:, None] == classes[:, None]
    hits = np.sum((label[..., None] > 0) & (runs > 0), axis=0)
    sizes = np.sum(label > 0, axis=0)[:, None] + np.sum(runs > 0, axis=0)
    counted = np.sum((sizes > 0) | named, axis=0)
    return float(np.mean(np.sum(2 * hits / np.maximum(sizes, 1), axis=0) / counted))


def v_measure(
    assignment: Int[np.ndarray, "examples runs"],
    label: Int[np.ndarray, " examples"],
    times: Int[np.ndarray, "examples runs"] | None = None,
) -> float:
    """Harmonic mean of homogeneity and completeness, averaged over the runs of a clustering.

        h = I(C; K) / H(C),  c = I(C; K) / H(K),  V = 2hc / (h + c)

    with C the labels and K the groups; h or c is 1 where its entropy is 0. `times` says how often an
    example was drawn in a run (0: not at all); without it, every example is in every run once.

    Reference: Rosenberg and Hirschberg, V-Measure (EMNLP 2007); sklearn.metrics.v_measure_score.
    """
    times = np.ones_like(assignment) if times is None else times
    pairs = zip(assignment.T, times.T, strict=True)
    return float(np.mean([_v_measure(run, label, drawn) for run, drawn in pairs]))


def _v_measure(
    run: Int[np.ndarray, " examples"],
    label: Int[np.ndarray, " examples"],
    times: Int[np.ndarray, " examples"],
) -> float:
    _, rows = np.unique(label, return_inverse=True)
    _, columns = np.unique(run, return_inverse=True)
    shape = rows.max() + 1, columns.max() + 1
    joint = np.bincount(rows * shape[1] + columns, times, shape[0] * shape[1]).reshape(shape)
    if joint.sum() == 0:
        return 1.0  # nothing drawn: nothing is mixed
    joint = joint / joint.sum()
    of_labels, of_groups = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
    shared = of_labels + of_groups - _entropy(joint.ravel())
    homogeneity = shared / of_labels if of_labels > 0 else 1.0
    completeness = shared / of_groups if of_groups > 0 else 1.0
    total = homogeneity + completeness
    return 2 * homogeneity * completeness / total if total > 1e-12 else 0.0


def _entropy(shares: Float64[np.ndarray, " values"]) -> float:
    shares = shares[shares > 0]
    return max(0.0, -float(shares @ np.log(shares)))  # rounding may leave a single value below 0


def ranking_precision(
    scores: Shaped[np.ndarray, "examples labels"], label: Bool[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " examples"]:
    """Per example, the mean over its labels of the share of true labels among those scored as high.

    1 for an example without labels, or with all of them. The mean over the examples is LRAP.

    Reference: sklearn.metrics.label_ranking_average_precision_score.

    Example:
        >>> ranking_precision(np.array([[1, 0, 1]]), np.array([[True, False, False]])).tolist()
        [0.5]
    """
    as_high = scores[:, None, :] >= scores[:, :, None]
    precision = np.sum(as_high & label[:, None, :], axis=2) / np.sum(as_high, axis=2)
    count = label.sum(axis=1)
    mean = np.sum(precision * label, axis=1) / np.maximum(count, 1)
    return np.where((count == 0) | (count == label.shape[1]), 1.0, mean)


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


def roc_auc(
    prediction: Float[np.ndarray, " examples"], gold: Float[np.ndarray, " examples"]
) -> float:
    """Chance that a positive example is predicted higher than a negative one, ties a half.

    0.5 where one kind is missing. Reference: sklearn.metrics.roc_auc_score.
    """
    from scipy.stats import rankdata

    positive = np.asarray(gold) > 0
    hits, rest = int(positive.sum()), int((~positive).sum())
    if not hits or not rest:
        return 0.5
    return float((rankdata(prediction)[positive].sum() - hits * (hits + 1) / 2) / (hits * rest))


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


class Statistic(NamedTuple):
    """A score of a whole set: `function(*(examples[name] for name in records))`.

    `optional` names further records, passed on where the examples have them.
    """

    function: Callable[..., float]
    records: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __call__(self, examples: dict[str, Num[np.ndarray, "examples ..."]]) -> float:
        return self.function(*self.of(examples).values())

    def of(
        self, examples: dict[str, Num[np.ndarray, "examples ..."]]
    ) -> dict[str, Num[np.ndarray, "examples ..."]]:
        """The records that the score is computed from."""
        present = [name for name in self.optional if name in examples]
        return {name: examples[name] for name in (*self.records, *present)}


CORRELATIONS: dict[str, Callable[..., float]] = {"spearman": spearman, "pearson": pearson}

MATCHING: dict[str, Callable[..., float]] = {
    "ap": average_precision,
    "accuracy": best_accuracy,
    "f1": best_f1,
    "precision": best_precision,
    "recall": best_recall,
}


def _highest(function: Callable[..., float]) -> Callable[..., float]:
    """The score by whichever similarity gives the highest."""

    def highest(*columns: Num[np.ndarray, " examples"]) -> float:
        *predictions, gold = columns
        return max(function(prediction, gold) for prediction in predictions)

    return highest


STATISTICS: dict[str, Statistic] = {
    "spearman": Statistic(spearman, ("prediction", "gold")),
    "pearson": Statistic(pearson, ("prediction", "gold")),
    "ap": Statistic(average_precision, ("prediction", "gold")),
    "boundary_auc": Statistic(roc_auc, ("distance", "boundary")),
    "rank_agreement": Statistic(spearman, ("a", "b")),
    "structure_agreement": Statistic(structure_agreement, ("a", "b", "place")),
    "similarity": Statistic(mean_similarity, ("matrix", "place")),
    "spread": Statistic(spread, ("similarity",)),
    "slope": Statistic(slope, ("coefficient", "position")),
    "slope_given_length": Statistic(slope, ("coefficient", "position", "length")),
    "correlation": Statistic(pearson, ("coefficient", "position")),
    "macro_f1": Statistic(macro_f1, ("assignment", "label")),
    "v_measure": Statistic(v_measure, ("assignment", "label"), ("times",)),
    **{
        f"{similarity}_{metric}": Statistic(function, (similarity, "gold"))
        for similarity in SIMILARITIES
        for metric, function in {**CORRELATIONS, **MATCHING}.items()
    },
    **{
        f"max_{metric}": Statistic(_highest(function), (*SIMILARITIES, "gold"))
        for metric, function in MATCHING.items()
    },
    "purity": Statistic(purity, ("assignment", "label")),
    "macro_accuracy": Statistic(macro_mean, ("accuracy", "category")),
    "median_rank": Statistic(median, ("rank",)),
    "effect_size": Statistic(effect_size, ("association", "group")),
    "growth": Statistic(log_slope, ("by_count", "counts")),
    "decay": Statistic(log_slope, ("by_length", "lengths")),
}
"""Metric name to how it is computed from records; any other metric is a mean over examples."""


DESCRIPTIVE = frozenset({"gap", "slope", "growth", "similarity", "effect_size"})
"""Main metrics of tasks that say what a model is like, and not that it is good: in no mean or rank."""

SAME_IN_EVERY_RUN = ("cluster", "gold", "label", "category", "times")
"""Records that stay as they are when texts are reworded: groups, answers, which texts were drawn."""


def statistic_of(metric: str) -> Statistic | None:
    """How a metric is computed from records; None for one that is a mean over examples.

    A reworded task's `spearman.mean` and `spearman.drop` are computed from records that have an axis
    of runs `[examples, 1 + runs]`, the original texts first, but for those in `SAME_IN_EVERY_RUN`.

    Example:
        >>> runs = np.array([[0.1, 0.3, 0.2], [0.2, 0.2, 0.3], [0.3, 0.1, 0.1]])
        >>> statistic_of("spearman.drop").function(runs, np.array([1.0, 2.0, 3.0]))
        1.75
    """
    name, _, of = metric.rpartition(".")
    if metric in STATISTICS or name not in STATISTICS or of not in ("mean", "drop"):
        return STATISTICS.get(metric)
    inner = STATISTICS[name]

    names = (*inner.records, *inner.optional)

    def over_runs(*columns: Num[np.ndarray, "examples ..."]) -> float:
        named = list(zip(names, columns, strict=False))  # optional ones may be missing
        count = next(of.shape[1] for name, of in named if name not in SAME_IN_EVERY_RUN)
        scores = [
            inner.function(*(of if n in SAME_IN_EVERY_RUN else of[:, run] for n, of in named))
            for run in range(count)
        ]
        mean = float(np.mean(scores[1:]))
        return mean if of == "mean" else scores[0] - mean

    return Statistic(over_runs, inner.records, inner.optional)
