"""Tests, intervals and verdicts for scores measured on the same examples; numpy and scipy only."""

from jaxemb.evaluation.statistics.arms import compare, contrast, level, over_seeds, trend
from jaxemb.evaluation.statistics.comparison import (
    Comparison,
    Interval,
    Tested,
    Verdict,
    clusters_needed,
    detectable_difference,
    seeds_needed,
    verdict,
)
from jaxemb.evaluation.statistics.components import Components, pseudo_values, variance_components
from jaxemb.evaluation.statistics.corrections import benjamini_hochberg, holm
from jaxemb.evaluation.statistics.correlation import (
    Correlation,
    correlation_difference,
    kendall,
    rank_correlation,
)
from jaxemb.evaluation.statistics.joining import joined
from jaxemb.evaluation.statistics.paired import (
    PairedTest,
    cluster_variance,
    paired_bootstrap,
    permutation_test,
    wilcoxon,
)
from jaxemb.evaluation.statistics.ranking import (
    RankInterval,
    RankTest,
    agreement,
    critical_difference,
    friedman,
    groups,
    letters,
    mean_ranks,
    nemenyi,
    rank_intervals,
    separated_pairs,
)
from jaxemb.evaluation.statistics.redrawing import (
    ScoredTask,
    redrawn_examples,
    redrawn_tasks,
    separated_by_bootstrap,
)
from jaxemb.evaluation.statistics.resampling import cluster_bootstrap, jackknife
from jaxemb.evaluation.statistics.tasks import (
    compare_tasks,
    main_metrics,
    mean_over_tasks,
    rank_arms,
    scored_tasks,
    task_scores,
)

__all__ = [
    "Comparison",
    "Components",
    "Correlation",
    "Interval",
    "PairedTest",
    "RankInterval",
    "RankTest",
    "ScoredTask",
    "Tested",
    "Verdict",
    "agreement",
    "benjamini_hochberg",
    "cluster_bootstrap",
    "cluster_variance",
    "clusters_needed",
    "compare",
    "compare_tasks",
    "contrast",
    "correlation_difference",
    "critical_difference",
    "detectable_difference",
    "friedman",
    "groups",
    "holm",
    "jackknife",
    "joined",
    "kendall",
    "letters",
    "level",
    "main_metrics",
    "mean_over_tasks",
    "mean_ranks",
    "nemenyi",
    "over_seeds",
    "paired_bootstrap",
    "permutation_test",
    "pseudo_values",
    "rank_arms",
    "rank_correlation",
    "rank_intervals",
    "redrawn_examples",
    "redrawn_tasks",
    "scored_tasks",
    "seeds_needed",
    "separated_by_bootstrap",
    "separated_pairs",
    "task_scores",
    "trend",
    "variance_components",
    "verdict",
    "wilcoxon",
]
