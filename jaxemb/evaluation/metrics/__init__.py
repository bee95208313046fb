"""Scores that are no mean over examples, each a function of per-example records.

The same function gives the printed score and, on resampled records, its uncertainty.
"""

from jaxemb.evaluation.metrics.labels import macro_f1, purity, ranking_precision, v_measure
from jaxemb.evaluation.metrics.pairs import (
    CORRELATIONS,
    MATCHING,
    average_precision,
    best_accuracy,
    best_f1,
    best_precision,
    best_recall,
    pearson,
    roc_auc,
    spearman,
)
from jaxemb.evaluation.metrics.series import (
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
from jaxemb.evaluation.metrics.statistic import (
    DESCRIPTIVE,
    SAME_IN_EVERY_RUN,
    STATISTICS,
    Statistic,
    statistic_of,
)

__all__ = [
    "CORRELATIONS",
    "DESCRIPTIVE",
    "MATCHING",
    "SAME_IN_EVERY_RUN",
    "STATISTICS",
    "Statistic",
    "average_precision",
    "best_accuracy",
    "best_f1",
    "best_precision",
    "best_recall",
    "effect_size",
    "log_slope",
    "macro_f1",
    "macro_mean",
    "mean_similarity",
    "median",
    "pearson",
    "purity",
    "ranking_precision",
    "roc_auc",
    "slope",
    "smooth_median",
    "spearman",
    "spread",
    "statistic_of",
    "structure_agreement",
    "v_measure",
]
