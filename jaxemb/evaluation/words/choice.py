"""Choice: is an anchor nearer to the text it belongs with?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.sts import pairwise_cosine
from jaxemb.evaluation.words.problems import TripletData
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import ROUNDING
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Choice(Task):
    """Which of two texts is nearer to an anchor by cosine?

        gap = cos(anchor, nearer) - cos(anchor, farther)

    Metrics: `accuracy`, the share of gaps above 0 (a tie counts one half, so that chance and equal
    vectors score 1/2); `gap`, their mean; `absolute_gap`, the mean of |gap|: how far a model
    tells apart two texts that should be alike, such as sentences that differ in a pronoun's gender.

    Reference: Kintsch, Predication (Cognitive Science 2001), for landmarks.

    Example:
        >>> from jaxemb.evaluation import TripletFile
        >>> Choice(data=TripletFile(path="landmarks.tsv")).metrics
        ('accuracy', 'gap', 'absolute_gap')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "gap", "absolute_gap")
    name: str = "choice"
    data: TripletData
    role: str = "query"

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        texts = problem.anchors + problem.nearer + problem.farther
        anchors, nearer, farther = np.split(embed(texts, self.role), 3)
        gap = pairwise_cosine(anchors, nearer) - pairwise_cosine(anchors, farther)
        gap = gap.astype(np.float64)
        records = {
            "accuracy": np.where(np.abs(gap) <= ROUNDING, 0.5, gap > 0),
            "gap": gap,
            "absolute_gap": np.abs(gap),
        }
        return self.scored(records, problem.clusters)
