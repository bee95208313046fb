"""Scores that are no mean over examples, each a function of per-example records.

The same function gives the printed score and, on resampled records, its uncertainty.
"""

from jaxemb.statistics.metrics.geometry import (
    effective_rank,
    iso_score,
    mean_cosine,
    two_nearest_dimension,
)
from jaxemb.statistics.metrics.labels import macro_f1, purity, ranking_precision, v_measure
from jaxemb.statistics.metrics.pairs import (
    CORRELATIONS,
    MATCHING,
    average_precision,
    best_accuracy,
    best_f1,
    best_precision,
    best_recall,
    pearson,
    ranks,
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
from jaxemb.statistics.metrics.statistic import (
    DESCRIPTIVE,
    SAME_IN_EVERY_RUN,
    STATISTICS,
    Statistic,
    statistic_of,
)
