"""Claims about how two metrics go together across the arms."""

import dataclasses
from typing import Annotated, ClassVar

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.statistics import Comparison, over_seeds
from jaxemb.statistics.metrics import spearman
from jaxemb.study.claims.base import Claim, Table


@dataclasses.dataclass(frozen=True)
class Correlates(Claim):
    """Two metrics rank the arms alike; the effect is the mean over seeds of Spearman's rho across arms.

    A metric in which all arms are equal ranks nothing: its rho is 0.
    """

    with_metric: str
    across: str = "arms"

    says: ClassVar[str] = "{self.metric} and {self.with_metric} agree across {self.across}"

    def estimate(self, table: Table) -> Comparison:
        arms = tuple(table.arms)
        if len(arms) < 3:
            raise UsageError(f"A correlation across arms needs three arms; there are {len(arms)}.")
        pairs = zip(
            table.scores(self.metric, arms), table.scores(self.with_metric, arms), strict=True
        )
        correlations = [spearman(one, other) for one, other in pairs]
        return over_seeds(np.array(correlations))


@dataclasses.dataclass(frozen=True)
class CorrelatesMore(Claim):
    """A metric agrees with `with_metric` better than the metric `than` does.

    The effect is the difference of the two Spearman's rho across arms, each score a mean over seeds;
    its standard error comes from `resamples` draws of the arms with replacement. Arms that are
    variants of one model vary together, which the interval does not know.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6.

    Example:
        >>> CorrelatesMore("rank/mrr", with_metric="retrieval/ndcg@10", than="sts/spearman").text
        'rank/mrr agrees with retrieval/ndcg@10 across arms better than sts/spearman does'
    """

    with_metric: str
    than: str
    resamples: Annotated[int, AtLeast(1)] = 2000

    says: ClassVar[str] = (
        "{self.metric} agrees with {self.with_metric} across arms better than {self.than} does"
    )

    def estimate(self, table: Table) -> Comparison:
        arms = tuple(table.arms)
        if len(arms) < 4:
            raise UsageError(f"Correlations are compared across four arms; there are {len(arms)}.")
        names = (self.metric, self.than, self.with_metric)
        scores = np.stack([table.scores(name, arms).mean(axis=0) for name in names])
        draw = np.random.default_rng(0)
        picks = draw.integers(len(arms), size=(self.resamples, len(arms)))
        drawn = [_more_agreement(scores[:, row]) for row in picks]
        return Comparison(
            effect=_more_agreement(scores),
            seed_variance=0.0,
            example_variance=float(np.var(drawn, ddof=1)),
            degrees=len(arms) - 1,
            clusters=len(arms),
        )


def _more_agreement(scores: np.ndarray) -> float:
    """rho(first row, last) - rho(second row, last)."""
    return spearman(scores[0], scores[2]) - spearman(scores[1], scores[2])
