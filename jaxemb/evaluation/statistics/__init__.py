"""Tests, intervals and verdicts for scores measured on the same examples; numpy and scipy only."""

from jaxemb.evaluation.statistics.agreement import agreement
from jaxemb.evaluation.statistics.arms import compare, contrast, level, over_seeds, trend
from jaxemb.evaluation.statistics.comparison import (
    Comparison,
    Interval,
    Verdict,
    detectable_difference,
    seeds_needed,
    verdict,
)
from jaxemb.evaluation.statistics.corrections import benjamini_hochberg, holm
from jaxemb.evaluation.statistics.correlation import Correlation, rank_correlation
from jaxemb.evaluation.statistics.paired import (
    PairedTest,
    cluster_variance,
    paired_bootstrap,
    permutation_test,
    wilcoxon,
)
from jaxemb.evaluation.statistics.resampling import cluster_bootstrap, jackknife

__all__ = [
    "Comparison",
    "Correlation",
    "Interval",
    "PairedTest",
    "Verdict",
    "agreement",
    "benjamini_hochberg",
    "cluster_bootstrap",
    "cluster_variance",
    "compare",
    "contrast",
    "detectable_difference",
    "holm",
    "jackknife",
    "level",
    "over_seeds",
    "paired_bootstrap",
    "permutation_test",
    "rank_correlation",
    "seeds_needed",
    "trend",
    "verdict",
    "wilcoxon",
]
