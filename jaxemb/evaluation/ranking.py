"""What tasks share that rank all documents for every query."""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.retrieval.exact import cosine_top_k
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class DocumentRanking(Task, abc.ABC):
    """Base of tasks that rank documents, by cosine or by a searcher, and judge the rankings.

    A subclass says how many documents of each ranking it looks at, and what they are worth.
    """

    data: ClassVar[RetrievalData]

    @abc.abstractmethod
    def reach(self, problem: RetrievalProblem) -> int:
        """How many documents are ranked a query."""

    @abc.abstractmethod
    def judge(
        self,
        problem: RetrievalProblem,
        ids: Int[np.ndarray, "queries best"],
        scores: Float[np.ndarray, "queries best"],
    ) -> Result:
        """Scores ranked document numbers, whoever ranked them."""

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        queries = embed(problem.queries, "query")
        documents = embed(problem.documents, "document")
        return self.judge(problem, *cosine_top_k(queries, documents, self.reach(problem)))

    def score_run(self, searcher: Any) -> Result:
        problem = self.data.load()
        index = searcher.index(problem.documents)
        return self.judge(problem, *index.search(problem.queries, self.reach(problem)))
