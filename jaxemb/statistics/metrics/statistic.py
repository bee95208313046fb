"""Which score goes by which name, and the records that it is computed from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Num

from jaxemb.statistics.metrics.geometry import (
    effective_rank,
    iso_score,
    mean_cosine,
    two_nearest_dimension,
)
from jaxemb.statistics.metrics.labels import macro_f1, purity, v_measure
from jaxemb.statistics.metrics.pairs import (
    CORRELATIONS,
    MATCHING,
    average_precision,
    pearson,
    roc_auc,
    spearman,
)
from jaxemb.statistics.metrics.series import (
    effect_size,
    log_slope,
    macro_mean,
    mean_similarity,
    median,
    slope,
    smooth_median,
    spread,
    structure_agreement,
)
from jaxemb.statistics.similarities import SIMILARITIES


class Statistic(NamedTuple):
    """A score of a whole set: `function(*(examples[name] for name in records))`.

    Args:
        function: the score.
        records: what it reads.
        optional: further records, passed on where the examples have them.
        smooth: for a score that moves in jumps when an example is left out, one close to it that
            does not: from it the uncertainty is estimated.
    """

    function: Callable[..., float]
    records: tuple[str, ...]
    optional: tuple[str, ...] = ()
    smooth: Callable[..., float] | None = None

    def __call__(self, examples: dict[str, Num[np.ndarray, "examples ..."]]) -> float:
        return self.function(*self.of(examples).values())

    def smoothed(self) -> "Statistic":
        """The score whose uncertainty stands for this one's: itself, where it moves smoothly."""
        return self._replace(function=self.smooth or self.function)

    def of(
        self, examples: dict[str, Num[np.ndarray, "examples ..."]]
    ) -> dict[str, Num[np.ndarray, "examples ..."]]:
        """The records that the score is computed from."""
        present = [name for name in self.optional if name in examples]
        return {name: examples[name] for name in (*self.records, *present)}


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
    "median_rank": Statistic(median, ("rank",), smooth=smooth_median),
    "effect_size": Statistic(effect_size, ("association", "group")),
    "growth": Statistic(log_slope, ("by_count", "counts")),
    "decay": Statistic(log_slope, ("by_length", "lengths")),
    "intrinsic_dimension": Statistic(two_nearest_dimension, ("ratio",)),
    "iso_score": Statistic(iso_score, ("vector",)),
    "effective_rank": Statistic(effective_rank, ("vector",)),
    "mean_cosine": Statistic(mean_cosine, ("vector",)),
}
"""Metric name to how it is computed from records; any other metric is a mean over examples."""


DESCRIPTIVE = frozenset(
    {"gap", "slope", "growth", "similarity", "effect_size", "intrinsic_dimension"}
)
"""Main metrics of tasks that say what a model is like, and not that it is good: in no mean or rank."""

SAME_IN_EVERY_RUN = ("cluster", "gold", "label", "category", "times")
"""Records that stay as they are when texts are reworded: groups, answers, which texts were drawn."""


def statistic_of(metric: str) -> Statistic | None:
    """How a metric is computed from records; None for one that is a mean over examples.

    A reworded task's `spearman.mean` and `spearman.drop` are computed from records that have an axis
    of runs `[examples, 1 + runs]`, the original texts first, but for those in `SAME_IN_EVERY_RUN`.
    `spearman.kept` is the score of the first run over that of the second; so is `ndcg@10.kept`, with
    the means of the records.

    Example:
        >>> runs = np.array([[0.1, 0.3, 0.2], [0.2, 0.2, 0.3], [0.3, 0.1, 0.1]])
        >>> statistic_of("spearman.drop").function(runs, np.array([1.0, 2.0, 3.0]))
        1.75
    """
    name, _, of = metric.rpartition(".")
    if metric in STATISTICS or of not in ("mean", "drop", "kept"):
        return STATISTICS.get(metric)
    if name not in STATISTICS:
        return Statistic(_share_of_mean, (name,)) if of == "kept" else None
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
        if of == "kept":
            return scores[0] / mean if mean else 0.0
        return mean if of == "mean" else scores[0] - mean

    return Statistic(over_runs, inner.records, inner.optional)


def _share_of_mean(record: Num[np.ndarray, "examples 2"]) -> float:
    first, second = np.mean(record, axis=0)
    return float(first / second) if second else 0.0
