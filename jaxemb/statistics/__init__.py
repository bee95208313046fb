"""Tests, intervals and verdicts for scores measured on the same examples; numpy and scipy only."""

from jaxemb.statistics.arms import compare, contrast, level, over_seeds, trend
from jaxemb.statistics.comparison import (
    Comparison,
    Interval,
    Tested,
    Verdict,
    clusters_needed,
    detectable_difference,
    seeds_needed,
    verdict,
)
from jaxemb.statistics.components import Components, pseudo_values, variance_components
from jaxemb.statistics.corrections import benjamini_hochberg, holm
from jaxemb.statistics.correlation import (
    Correlation,
    correlation_difference,
    kendall,
    rank_correlation,
)
from jaxemb.statistics.joining import joined
from jaxemb.statistics.paired import (
    PairedTest,
    cluster_variance,
    paired_bootstrap,
    permutation_test,
    wilcoxon,
)
from jaxemb.statistics.ranking import (
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
from jaxemb.statistics.redrawing import (
    ScoredTask,
    redrawn_examples,
    redrawn_tasks,
    separated_by_bootstrap,
)
from jaxemb.statistics.resampling import cluster_bootstrap, jackknife
from jaxemb.statistics.result import Result
from jaxemb.statistics.tasks import (
    compare_tasks,
    main_metrics,
    mean_over_tasks,
    rank_arms,
    scored_tasks,
    task_scores,
)
