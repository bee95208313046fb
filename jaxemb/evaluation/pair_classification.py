"""Pair classification: does the cosine tell matching pairs from others?"""

from dataclasses import dataclass, field

from jaxemb.evaluation.base import Embed, Result, Task
from jaxemb.evaluation.problems import PairData
from jaxemb.evaluation.pydocs import PyDocsLinks
from jaxemb.evaluation.sts import judge_pairs


@dataclass(frozen=True, kw_only=True)
class PairClassification(Task):
    """Average precision of the cosine over pairs whose gold value is 1 (a match) or 0.

    Metric: `ap`. Records: `prediction` (cosine), `gold`. A model that knows nothing scores the
    share of matches, one half on the default data.

    Example:
        >>> PairClassification().metrics
        ('ap',)
    """

    name: str = "pair_classification"
    data: PairData = field(default_factory=PyDocsLinks)
    role: str = "query"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("ap",)

    def run(self, embed: Embed) -> Result:
        return judge_pairs(self, self.data.load(), embed)
