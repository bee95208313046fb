"""Retrieval scored at several depths of the ranking at once."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.pydocs import PyDocsRetrieval
from jaxemb.evaluation.ranking import DocumentRanking
from jaxemb.evaluation.retrieval import cut_off, ranked, trec_columns
from jaxemb.statistics.result import Result

MEASURES = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P"}


@dataclass(frozen=True, kw_only=True)
class RetrievalAtCuts(DocumentRanking):
    """`Retrieval` with every metric at every cut: nDCG, MAP, recall, precision and MRR at 1, 3, ...

    Metrics: `ndcg@10` (where 10 is a cut) before all others, then `ndcg@k`, `map@k`, `recall@k`,
    `precision@k`, `mrr@k` for every cut. Records: the same, a query.

        MAP@k = mean over queries of Σ_{r≤k, relevant} precision@r / number of relevant documents

    The deepest cut says how many documents are ranked; a query's own document, where the data says
    so, is taken out before the cuts. Ties as in `Retrieval`.

    Reference: Thakur et al., BEIR (arXiv:2104.08663); Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> RetrievalAtCuts(cuts=(1, 10)).metrics[:4]
        ('ndcg@10', 'ndcg@1', 'map@1', 'map@10')
    """

    kind: ClassVar[str] = "retrieval"
    name: str = "retrieval"
    data: RetrievalData = field(default_factory=PyDocsRetrieval)
    cuts: tuple[int, ...] = (1, 3, 5, 10, 20, 100, 1000)

    @property
    def metrics(self) -> tuple[str, ...]:
        main = ("ndcg@10",) if 10 in self.cuts else ()
        named = [f"{name}@{k}" for name in (*MEASURES, "mrr") for k in self.cuts]
        return tuple(dict.fromkeys((*main, *named)))

    def judge(
        self,
        problem: RetrievalProblem,
        ids: Int[np.ndarray, "queries best"],
        scores: Float[np.ndarray, "queries best"],
    ) -> Result:
        rankings = ranked(problem, ids, scores, max(self.cuts))
        cuts = ",".join(map(str, self.cuts))
        asked = [f"{measure}.{cuts}" for measure in MEASURES.values()]
        column = trec_columns(problem.relevant, rankings, (*asked, "recip_rank"))
        records = {
            f"{name}@{k}": column(f"{measure}_{k}")
            for name, measure in MEASURES.items()
            for k in self.cuts
        }
        first = column("recip_rank")
        records |= {f"mrr@{k}": cut_off(first, k) for k in self.cuts}
        return self.scored(records, problem.clusters)

    def reach(self, problem: RetrievalProblem) -> int:
        """One more than needed where a query's own document is taken out afterwards."""
        return max(self.cuts) + (problem.excluded is not None)
