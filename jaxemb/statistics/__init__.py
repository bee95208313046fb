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
from jaxemb.statistics.correlation import correlation_difference
from jaxemb.statistics.joining import joined
from jaxemb.statistics.ranking import (
    RankInterval,
    RankTest,
    agreement,
    critical_difference,
    friedman,
    groups,
    letters,
    mean_ranks,
    rank_intervals,
    separated_pairs,
    wilcoxon,
)
from jaxemb.statistics.resampling import jackknife
from jaxemb.statistics.result import Result
from jaxemb.statistics.tasks import (
    compare_tasks,
    main_metrics,
    mean_over_tasks,
    rank_arms,
    task_scores,
)
