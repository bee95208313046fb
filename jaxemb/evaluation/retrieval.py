"""Retrieval: do the documents that answer a query stand at the top of its ranking?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.pydocs import PyDocsRetrieval
from jaxemb.evaluation.ranking import DocumentRanking
from jaxemb.statistics.result import Result


@dataclass(frozen=True, kw_only=True)
class Retrieval(DocumentRanking):
    """Ranks all documents for every query by cosine and scores the rankings.

    Metrics, each a mean over the queries: `ndcg@k`, `mrr@k`, `recall@k`, `recall@depth`. Computed
    by trec_eval: documents are ordered by score, those with equal scores by their id, descending.

        nDCG@k = Σ_{r≤k} g_r / log2(r + 1), over the same sum for the best possible order

    with `g_r` the grade of the document at rank `r`. `mrr@k` is 1 / rank of the first relevant
    document, 0 past rank `k`.

    Reference: Voorhees and Harman, TREC (2005); trec_eval through pytrec_eval (arXiv:1805.01597).

    Example:
        >>> Retrieval().metrics
        ('ndcg@10', 'mrr@10', 'recall@10', 'recall@100')
    """

    name: str = "retrieval"
    data: RetrievalData = field(default_factory=PyDocsRetrieval)
    k: int = 10
    depth: int = 100

    @property
    def metrics(self) -> tuple[str, ...]:
        names = (f"ndcg@{self.k}", f"mrr@{self.k}", f"recall@{self.k}", f"recall@{self.depth}")
        return tuple(dict.fromkeys(names))

    def judge(
        self,
        problem: RetrievalProblem,
        ids: Int[np.ndarray, "queries best"],
        scores: Float[np.ndarray, "queries best"],
    ) -> Result:
        rankings = ranked(problem, ids, scores, max(self.depth, self.k))
        records = trec_metrics(problem.relevant, rankings, self.k, self.depth)
        return self.scored(records, problem.clusters)

    def reach(self, problem: RetrievalProblem) -> int:
        """One more than needed where a query's own document is taken out afterwards."""
        return max(self.depth, self.k) + (problem.excluded is not None)


Ranking = dict[int, float]


def ranked(
    problem: RetrievalProblem,
    ids: Int[np.ndarray, "queries best"],
    scores: Float[np.ndarray, "queries best"],
    depth: int,
) -> list[Ranking]:
    """The `depth` best documents of every query with their scores, without the excluded one."""
    excluded = problem.excluded if problem.excluded is not None else np.full(len(ids), -1)
    return [
        dict(
            [pair for pair in zip(row.tolist(), of.tolist(), strict=True) if pair[0] != out][:depth]
        )
        for row, of, out in zip(ids, scores, excluded, strict=True)
    ]


def trec_metrics(
    relevant: Sequence[dict[int, int]], rankings: Sequence[Ranking], k: int, depth: int
) -> dict[str, Float[np.ndarray, " queries"]]:
    """Per-query `ndcg@k`, `mrr@k`, `recall@k` and `recall@depth` by trec_eval.

    Document numbers become zero-padded ids, so that trec_eval's order of ties (id, descending) is
    the higher number first. trec_eval has no cut for the reciprocal rank: it is set to 0 past `k`.
    """
    column = trec_columns(
        relevant, rankings, (f"ndcg_cut.{k}", "recip_rank", f"recall.{k},{depth}")
    )
    return {
        f"ndcg@{k}": column(f"ndcg_cut_{k}"),
        f"mrr@{k}": cut_off(column("recip_rank"), k),
        f"recall@{k}": column(f"recall_{k}"),
        f"recall@{depth}": column(f"recall_{depth}"),
    }


def trec_columns(
    relevant: Sequence[dict[int, int]], rankings: Sequence[Ranking], measures: Sequence[str]
) -> Callable[[str], Float[np.ndarray, " queries"]]:
    """trec_eval's measures, looked up by name in the form of its answers: `"ndcg_cut_10"`."""
    import pytrec_eval

    run = {
        str(query): {_id(document): score for document, score in ranking.items()}
        for query, ranking in enumerate(rankings)
    }
    judgements = {
        str(query): {_id(document): grade for document, grade in grades.items()}
        for query, grades in enumerate(relevant)
    }
    measured = pytrec_eval.RelevanceEvaluator(judgements, set(measures)).evaluate(run)

    def column(measure: str) -> Float[np.ndarray, " queries"]:
        # A query without any document in its ranking is not in the answer: it scores nothing.
        return np.array([measured.get(str(q), {}).get(measure, 0.0) for q in range(len(relevant))])

    return column


def cut_off(
    reciprocal_rank: Float[np.ndarray, " queries"], k: int
) -> Float[np.ndarray, " queries"]:
    """The reciprocal rank, 0 past rank `k`."""
    return np.where(reciprocal_rank >= 1 / k, reciprocal_rank, 0.0)


def _id(document: int) -> str:
    return f"{document:09d}"
