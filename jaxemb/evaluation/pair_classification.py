"""Pair classification: do vectors tell matching pairs from others?"""

from dataclasses import dataclass, field
from typing import ClassVar

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import PairData
from jaxemb.evaluation.pydocs import PyDocsLinks
from jaxemb.evaluation.sts import judge_pairs, judge_similarities
from jaxemb.statistics.metrics import MATCHING
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import SIMILARITIES
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class PairClassification(Task):
    """Average precision of the cosine over pairs whose gold value is 1 (a match) or 0.

    Metric: `ap`. Records: `prediction` (cosine), `gold`. A model that knows nothing scores the
    share of matches, one half on the default data.

    Example:
        >>> PairClassification().metrics
        ('ap',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("ap",)
    name: str = "pair_classification"
    data: PairData = field(default_factory=PyDocsLinks)
    role: str = "query"

    def run(self, embed: Embed) -> Result:
        return judge_pairs(self, self.data.load(), embed)


@dataclass(frozen=True, kw_only=True)
class PairClassificationBySimilarity(Task):
    """`PairClassification` by each similarity, with accuracy and F1 at the best threshold.

    Metrics: `max_ap`, `max_accuracy`, `max_f1`, `max_precision`, `max_recall`, each the highest over
    the similarities, and each of them by `cosine_`, `dot_`, `euclidean_` and `manhattan_`. Precision
    and recall are those at the threshold of the best F1. A threshold lies between two different
    scores, so that tied pairs are never parted. Records: the similarities by their names, `gold`.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> PairClassificationBySimilarity().metrics[:6]
        ('max_ap', 'max_accuracy', 'max_f1', 'max_precision', 'max_recall', 'cosine_ap')
    """

    kind: ClassVar[str] = "pair_classification"
    name: str = "pair_classification"
    data: PairData = field(default_factory=PyDocsLinks)
    role: str = "query"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(f"{kind}_{metric}" for kind in ("max", *SIMILARITIES) for metric in MATCHING)

    def run(self, embed: Embed) -> Result:
        return judge_similarities(self, self.data.load(), embed)
