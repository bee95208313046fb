"""Claims about the order in which scores put the arms."""

import dataclasses
import itertools

from jaxemb.claims import Claim, Table
from jaxemb.config import UsageError
from jaxemb.evaluation.statistics import Comparison, agreement, compare


@dataclasses.dataclass(frozen=True)
class RanksDiffer(Claim):
    """Two metrics put the arms in different orders: Kendall's τ is below a number.

    The effect is that number less τ; see `jaxemb.evaluation.statistics.agreement`.

    Example:
        >>> RanksDiffer("sts/spearman", with_metric="retrieval/ndcg@10", below=0.9).text
        'sts/spearman and retrieval/ndcg@10 order the arms differently (tau below 0.9)'
    """

    with_metric: str
    below: float = 1.0

    @property
    def text(self) -> str:
        pair = f"{self.metric} and {self.with_metric}"
        return f"{pair} order the arms differently (tau below {self.below:g})"

    def estimate(self, table: Table) -> Comparison:
        metrics = self.metric, self.with_metric
        arms = [[table.seeds(arm, metric) for arm in table.arms] for metric in metrics]
        found = agreement(*arms, tuple(metric.partition("/")[2] for metric in metrics))
        return found.flipped().shifted(self.below)


@dataclasses.dataclass(frozen=True)
class NoneWins(Claim):
    """No arm is the best by every metric: each is beaten by some arm in some metric.

    For every arm the clearest defeat is found, among all metrics and all other arms. The effect is
    the rival's lead in the least clear of these defeats, in its metric's units; its interval holds
    for all the defeats that were looked through together (Bonferroni).

    Example:
        >>> NoneWins("sts/spearman", and_metrics=("retrieval/ndcg@10",)).text
        'no arm is the best by each of sts/spearman, retrieval/ndcg@10'
    """

    and_metrics: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that are looked through."""
        return (self.metric, *self.and_metrics)

    @property
    def text(self) -> str:
        return f"no arm is the best by each of {', '.join(self.metrics)}"

    def estimate(self, table: Table) -> Comparison:
        if len(table.arms) < 2:
            raise UsageError("Whether one arm wins everywhere needs two arms to compare.")
        defeats = len(self.metrics) * (len(table.arms) - 1)
        clearest = [self._clearest(table, arm, 1 - 0.05 / defeats) for arm in table.arms]
        return max(clearest, key=lambda defeat: defeat.p_greater)

    def _clearest(self, table: Table, arm: str, confidence: float) -> Comparison:
        """The rival and metric by which the arm is most surely beaten."""
        rivals = [rival for rival in table.arms if rival != arm]
        defeats = [
            compare(
                table.seeds(rival, metric),
                table.seeds(arm, metric),
                metric.partition("/")[2],
                trained=table.trained,
                confidence=confidence,
            )
            for rival, metric in itertools.product(rivals, self.metrics)
        ]
        return min(defeats, key=lambda defeat: defeat.p_greater)
