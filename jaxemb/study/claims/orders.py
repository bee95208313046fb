"""Claims about the order in which scores put the arms."""

import dataclasses
import itertools
from typing import ClassVar

from jaxemb.config import UsageError
from jaxemb.statistics import Comparison
from jaxemb.study.claims.base import Claim, Table


@dataclasses.dataclass(frozen=True)
class RanksDiffer(Claim):
    """Two metrics put the arms in different orders: Kendall's tau of their true scores is below 1.

    That is so where one arm is ahead of another by one metric and behind it by the other. The clearest
    such pair is found; the effect is the smaller (less sure) of its two leads. Its interval and p hold
    for all pairs that were looked through together (Bonferroni). The tau of measured scores would be
    below 1 for arms that are truly equal, by noise alone, and so is not what is judged.

    Example:
        >>> RanksDiffer("sts/spearman", with_metric="retrieval/ndcg@10").text
        'sts/spearman and retrieval/ndcg@10 order the arms differently'
    """

    with_metric: str

    says: ClassVar[str] = "{self.metric} and {self.with_metric} order the arms differently"

    def estimate(self, table: Table) -> Comparison:
        pairs = list(itertools.permutations(table.arms, 2))
        if not pairs:
            raise UsageError("An order of arms needs two of them.")
        changes = []
        for ahead, behind in pairs:
            leads = (
                table.difference(self.metric, ahead, behind),
                table.difference(self.with_metric, behind, ahead),
            )
            changes.append(max(leads, key=lambda found: found.p_greater))
        clearest = min(changes, key=lambda found: found.p_greater)
        return dataclasses.replace(clearest, picked=len(pairs))


@dataclasses.dataclass(frozen=True)
class NoneWins(Claim):
    """No arm is the best by every metric: each is beaten by some arm in some metric.

    For every arm the clearest defeat is found, among all metrics and all other arms. The effect is
    the rival's lead in the least clear of these defeats, in its metric's units; its interval and p
    hold for all the defeats that were looked through together (Bonferroni).

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
        clearest = [self._clearest(table, arm) for arm in table.arms]
        least = max(clearest, key=lambda defeat: defeat.p_greater)
        return dataclasses.replace(least, picked=len(self.metrics) * (len(table.arms) - 1))

    def _clearest(self, table: Table, arm: str) -> Comparison:
        """The rival and metric by which the arm is most surely beaten."""
        rivals = [rival for rival in table.arms if rival != arm]
        defeats = [
            table.difference(metric, rival, arm)
            for rival, metric in itertools.product(rivals, self.metrics)
        ]
        return min(defeats, key=lambda defeat: defeat.p_greater)
