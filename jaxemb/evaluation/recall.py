"""Recall at several depths, with ties counted against the ranking."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from jaxemb.evaluation.combinations import AttributeSearch
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.retrieval import DocumentRanking, Ids, Scores
from jaxemb.statistics.result import Result


@dataclass(frozen=True, kw_only=True)
class Recall(DocumentRanking):
    """The share of a query's relevant documents among the first `k`, for several `k`.

    Metrics: `recall@k`, a mean over the queries each. A document stands behind every irrelevant one
    of equal score, so a ranker that cannot tell documents apart gets nothing for the order in which
    they happen to be stored; relevant documents of equal score stand one behind the other.

        recall@k = |{d relevant: #{irrelevant with score >= s_d} + #{relevant before d} < k}|
                   / |relevant|

    Example:
        >>> Recall().metrics
        ('recall@2', 'recall@10', 'recall@20')
    """

    name: str = "recall"
    data: RetrievalData = field(default_factory=AttributeSearch)
    cutoffs: tuple[int, ...] = (2, 10, 20)

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(f"recall@{k}" for k in self.cutoffs)

    def judge(
        self,
        problem: RetrievalProblem,
        ids: Ids,
        scores: Scores,
    ) -> Result:
        places = [
            _places(relevant, row, of)
            for relevant, row, of in zip(problem.relevant, ids, scores, strict=True)
        ]
        counts = np.array([len(relevant) for relevant in problem.relevant])
        records = {
            f"recall@{k}": np.array([np.sum(one < k) for one in places]) / counts
            for k in self.cutoffs
        }
        return self.scored(records, problem.clusters)

    def reach(self, problem: RetrievalProblem) -> int:
        """Deep enough that a tie which goes on below the last one holds `k` irrelevant documents."""
        if problem.excluded is not None:
            raise ValueError("recall with ties counted cannot leave documents out")
        return max(self.cutoffs) + max(map(len, problem.relevant))


def _places(
    relevant: dict[int, int], ids: Int[np.ndarray, " best"], scores: Float[np.ndarray, " best"]
) -> Int[np.ndarray, " found"]:
    """How many documents stand before each relevant one that was found."""
    hits = np.isin(ids, list(relevant))
    found, others = scores[hits], scores[~hits]
    found = np.sort(found)[::-1]  # which of them is which does not matter to how many are found
    return np.sum(others[None, :] >= found[:, None], axis=1) + np.arange(len(found))
