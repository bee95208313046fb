"""Categories of words: are those of one kind near each other, and is a stranger told apart?"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from jaxemb.evaluation.base import Task, embed_groups
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.problems import LabelProblem
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.evaluation.words.conventions import Spelling, spelled
from jaxemb.evaluation.words.problems import OutlierData, OutliersFromLabels
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import at_least_as_high, unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Categorisation(Clustering):
    """K-means on unit vectors, as many groups as categories; how pure are the groups?

    Metric: `purity`, the share of words in the largest category of their group, averaged over `runs`
    k-means runs with fixed seeds. Records: `assignment` `[words, runs]`, `label`. Words of unknown
    vector (zeros) are grouped like any other.

    Reference: Baroni, Dinu and Kruszewski, Don't count, predict! (ACL 2014).

    Example:
        >>> Categorisation().metrics
        ('purity',)
    """

    kind: ClassVar[str] = "categorisation"
    metrics: ClassVar[tuple[str, ...]] = ("purity",)
    name: str = "categorisation"
    role: str = "query"
    spelling: tuple[Spelling, ...] = ()

    def texts(self, problem: LabelProblem) -> list[str]:
        return spelled(problem.texts, self.spelling)


@dataclass(frozen=True, kw_only=True)
class OutlierDetection(Task):
    """Finds the word that does not belong to its group: the one least like the others.

        c(w) = mean of cos(u, v) over pairs u ≠ v of the group without w

    Without the outlier the rest is most compact. OP, its place when the words are ordered by rising
    `c`, runs from 0 to n; other words with an equal `c` count against it. Metrics: `accuracy` (OP = n),
    `opp`, the mean of OP / n for n members. Random vectors score 1 / (n + 1) and 1 / 2.

    Reference: Camacho-Collados and Navigli, Find the word that does not belong (RepEval 2016).

    Example:
        >>> OutlierDetection().metrics
        ('accuracy', 'opp')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "opp")
    name: str = "outlier_detection"
    data: OutlierData = field(
        default_factory=lambda: OutliersFromLabels(inner=PyDocsLabels(text="summary"))
    )
    role: str = "query"
    spelling: tuple[Spelling, ...] = ()

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        pairs = zip(problem.groups, problem.outliers, strict=True)
        groups = [spelled((*group, outlier), self.spelling) for group, outlier in pairs]
        vectors = embed_groups(embed, groups, self.role)
        shares = np.array([outlier_place(unit_rows(part)) for part in vectors])
        correct = (shares == 1).astype(np.float64)
        return self.scored({"accuracy": correct, "opp": shares}, problem.clusters)


def outlier_place(words: Float32[np.ndarray, "words width"]) -> float:
    """OP / n of the last word among unit vectors.

    `c(w)` falls with the sum of w's cosines with the others, so the sums are compared.
    """
    cosines = words @ words.T
    np.fill_diagonal(cosines, 0.0)
    sums = cosines.sum(axis=1)
    above, _ = at_least_as_high(sums[None, :-1], sums[-1:])
    return float(above[0] / (len(words) - 1))
