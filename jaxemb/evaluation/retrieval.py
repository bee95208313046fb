"""Retrieval: do the documents that answer a query stand at the top of its ranking?"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from jaxemb.config import AtLeast
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.combinations import AttributeSearch
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.pydocs import PyDocsRetrieval
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed, EmbeddingCache

Ids = Int[np.ndarray, "queries best"]
Scores = Float[np.ndarray, "queries best"]
Ranking = dict[int, float]
"""Scores by document number."""


@dataclass(frozen=True, kw_only=True)
class DocumentRanking(Task, abc.ABC):
    """Base of tasks that rank documents, by cosine or by a searcher, and judge the rankings.

    A subclass says how many documents of each ranking it looks at, and what they are worth. Of
    documents with equal scores the one with the higher number stands first, as in trec_eval, also
    where the ranking ends among them: a search keeps lower numbers, so the last document is given
    to it first.
    """

    data: ClassVar[RetrievalData]

    @abc.abstractmethod
    def reach(self, problem: RetrievalProblem) -> int:
        """How many documents are ranked per query."""

    @abc.abstractmethod
    def judge(self, problem: RetrievalProblem, ids: Ids, scores: Scores) -> Result:
        """Scores ranked document numbers, whoever ranked them."""

    def run(self, embed: Embed) -> Result:
        return self.score_run(embed if hasattr(embed, "index") else EmbeddingCache(embed))

    def score_run(self, searcher: Any) -> Result:
        problem = self.data.load()
        index = searcher.index(problem.documents[::-1])
        return self._judge(problem, *index.search(problem.queries, self.reach(problem)))

    def _judge(self, problem: RetrievalProblem, places: Ids, scores: Scores) -> Result:
        return self.judge(problem, len(problem.documents) - 1 - np.asarray(places), scores)


@dataclass(frozen=True, kw_only=True)
class CutRanking(DocumentRanking, abc.ABC):
    """Base of tasks whose metrics, `ndcg@k` and the like, look at the first k documents."""

    @property
    def deepest(self) -> int:
        """The largest k of the metrics."""
        return max(int(name.partition("@")[2]) for name in self.metrics)

    def reach(self, problem: RetrievalProblem) -> int:
        """One more than needed where a query's own document is taken out afterwards."""
        return self.deepest + (problem.excluded is not None)

    def judge(self, problem: RetrievalProblem, ids: Ids, scores: Scores) -> Result:
        rankings = ranked(problem, ids, scores, self.deepest)
        return self.scored(trec_metrics(problem.relevant, rankings, self.metrics), problem.clusters)


@dataclass(frozen=True, kw_only=True)
class Retrieval(CutRanking):
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
    k: Annotated[int, AtLeast(1)] = 10
    depth: Annotated[int, AtLeast(1)] = 100

    @property
    def metrics(self) -> tuple[str, ...]:
        names = (f"ndcg@{self.k}", f"mrr@{self.k}", f"recall@{self.k}", f"recall@{self.depth}")
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class RetrievalAtCuts(CutRanking):
    """`Retrieval` with every metric at every cut: nDCG, MAP, recall, precision and MRR at 1, 3, ...

    Metrics: `ndcg@10` (where 10 is a cut) before all others, then `ndcg@k`, `map@k`, `recall@k`,
    `precision@k`, `mrr@k` for every cut. Records: the same, one per query.

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
    cuts: Annotated[tuple[int, ...], AtLeast(1)] = (1, 3, 5, 10, 20, 100, 1000)

    @property
    def metrics(self) -> tuple[str, ...]:
        main = ("ndcg@10",) if 10 in self.cuts else ()
        named = [
            f"{name}@{k}"
            for name in ("ndcg", "map", "recall", "precision", "mrr")
            for k in self.cuts
        ]
        return tuple(dict.fromkeys((*main, *named)))


def ranked(problem: RetrievalProblem, ids: Ids, scores: Scores, depth: int) -> list[Ranking]:
    """The `depth` best documents of every query with their scores, without the excluded one."""
    excluded = problem.excluded if problem.excluded is not None else np.full(len(ids), -1)
    rows = zip(ids, scores, excluded, strict=True)
    return [
        dict(
            [pair for pair in zip(row.tolist(), of.tolist(), strict=True) if pair[0] != out][:depth]
        )
        for row, of, out in rows
    ]


# trec_eval's names. It has no cut for the reciprocal rank, which is set to 0 past the cut.
_MEASURES = {
    "ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "mrr": "recip_rank",
}  # fmt: skip


def trec_metrics(
    relevant: Sequence[dict[int, int]], rankings: Sequence[Ranking], names: Sequence[str]
) -> dict[str, Float[np.ndarray, " queries"]]:
    """Per-query `map`, and `ndcg@k`, `map@k`, `recall@k`, `precision@k` and `mrr@k`, by trec_eval.

    Document numbers become zero-padded ids, so that trec_eval's order of ties (id, descending) is
    the higher number first. A query without any document in its ranking scores nothing.
    """
    import pytrec_eval

    run, judgements = (
        {
            str(query): {f"{number:09d}": v for number, v in row.items()}
            for query, row in enumerate(rows)
        }
        for rows in (rankings, relevant)
    )
    asked = [(name, *name.partition("@")[::2]) for name in names]
    cuts = {_MEASURES[measure]: [] for _, measure, k in asked if k and measure != "mrr"}
    for _, measure, k in asked:
        if _MEASURES[measure] in cuts:
            cuts[_MEASURES[measure]].append(k)
    measures = {"recip_rank", "map", *(f"{name}.{','.join(ks)}" for name, ks in cuts.items())}
    measured = pytrec_eval.RelevanceEvaluator(judgements, measures).evaluate(run)

    def column(name: str) -> Float[np.ndarray, " queries"]:
        return np.array([measured.get(str(q), {}).get(name, 0.0) for q in range(len(relevant))])

    def record(measure: str, k: str) -> Float[np.ndarray, " queries"]:
        if measure == "mrr":
            first = column("recip_rank")
            return np.where(first >= 1 / int(k), first, 0.0)
        return column(f"{_MEASURES[measure]}_{k}" if k else measure)

    return {name: record(measure, k) for name, measure, k in asked}


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
    cutoffs: Annotated[tuple[int, ...], AtLeast(1)] = (2, 10, 20)

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
