"""Reranking: do a query's good candidates stand above its bad ones?"""

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast
from jaxemb.evaluation.base import Task, embed_groups
from jaxemb.evaluation.problems import RerankingData, RerankingProblem
from jaxemb.evaluation.pydocs_sets import PyDocsSeeAlso
from jaxemb.evaluation.rank import ByCosine, Nearness
from jaxemb.evaluation.retrieval import Ranking, trec_metrics
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Reranking(Task):
    """Orders each query's own candidates by their nearness to it and scores the order.

    Nearness is the cosine unless another is given: what was trained with distances is ranked by
    distance. Metrics, each a mean over the queries: `map`, `mrr@k`, `ndcg@k`; records: the same,
    per query.
    Computed by trec_eval: equal scores are ordered by the candidate's place, the later one first.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316); trec_eval (arXiv:1805.01597).

    Example:
        >>> Reranking().metrics
        ('map', 'mrr@10', 'ndcg@10')
    """

    name: str = "reranking"
    data: RerankingData = field(default_factory=PyDocsSeeAlso)
    k: Annotated[int, AtLeast(1)] = 10
    nearness: Nearness = ByCosine()

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("map", f"mrr@{self.k}", f"ndcg@{self.k}")

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        queries = np.asarray(embed(problem.queries, "query"), np.float64)
        parts = embed_groups(embed, problem.candidates, "document")
        scores = [
            self.nearness(np.asarray(part, np.float64), query[None])[:, 0]
            for query, part in zip(queries, parts, strict=True)
        ]
        return self.judge(problem, [dict(enumerate(row.tolist())) for row in scores])

    def score_run(self, searcher: Any) -> Result:
        """Candidates that the searcher does not return stand last, as if they scored nothing."""
        problem = self.data.load()
        texts = list(dict.fromkeys(text for row in problem.candidates for text in row))
        ids, scores = searcher.index(texts).search(problem.queries, len(texts))
        number = {text: place for place, text in enumerate(texts)}
        rankings = []
        for row, of, candidates in zip(ids, scores, problem.candidates, strict=True):
            found = dict(zip(row.tolist(), of.tolist(), strict=True))
            scored = (found.get(number[text], 0.0) for text in candidates)
            rankings.append(dict(enumerate(scored)))
        return self.judge(problem, rankings)

    def judge(self, problem: RerankingProblem, rankings: list[Ranking]) -> Result:
        """Scores candidates' scores, whoever gave them."""
        relevant = [
            {place: grade for place, grade in enumerate(grades) if grade > 0}
            for grades in problem.relevant
        ]
        return self.scored(trec_metrics(relevant, rankings, self.metrics), problem.clusters)
