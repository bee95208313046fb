"""Where the right answer stands: among all candidates, or beside one other."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.pydocs import PyDocsRetrieval
from jaxemb.evaluation.sts import pairwise_cosine
from jaxemb.evaluation.words.conventions import Spelling, spelled
from jaxemb.evaluation.words.problems import TripletData
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import ROUNDING, at_least_as_high, unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class AnswerRank(Task):
    """Rank of the first right answer by cosine, among all candidates: a word by its definition.

    rank = 1 + wrong candidates at least as near as the nearest right one; a tie counts against it,
    so that equal vectors for all texts rank last. Metrics: `mrr`, `accuracy` (rank 1),
    `median_rank`. Records: `mrr`, `accuracy`, `rank`.

    Reference: Herbelot and Baroni, High-risk learning (arXiv:1707.06556), for nonce definitions.

    Example:
        >>> AnswerRank(name="definitions").metrics
        ('mrr', 'accuracy', 'median_rank')
    """

    metrics: ClassVar[tuple[str, ...]] = ("mrr", "accuracy", "median_rank")
    name: str = "answer_rank"
    data: RetrievalData = field(default_factory=PyDocsRetrieval)
    spelling: tuple[Spelling, ...] = ()

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        queries = unit_rows(embed(spelled(problem.queries, self.spelling), "query"))
        documents = unit_rows(embed(spelled(problem.documents, self.spelling), "document"))
        rank = first_ranks(queries, documents, problem)
        records = {
            "mrr": 1 / rank,
            "accuracy": (rank == 1).astype(np.float64),
            "rank": rank.astype(np.float64),
        }
        return self.scored(records, problem.clusters)


def first_ranks(
    queries: Float32[np.ndarray, "queries width"],
    documents: Float32[np.ndarray, "documents width"],
    problem: RetrievalProblem,
    *,
    block: int = 256,
) -> Int32[np.ndarray, " queries"]:
    """Rank of the nearest relevant document of every query, ties before it; `[block, documents]`."""
    ranks = np.zeros(len(queries), np.int32)
    for start in range(0, len(queries), block):
        scores = queries[start : start + block] @ documents.T
        best = np.zeros(len(scores), np.float32)
        for place, row in enumerate(scores):
            right = [n for n in problem.relevant[start + place] if n < len(documents)]
            best[place] = row[right].max()
            row[right] = -np.inf
            if problem.excluded is not None and problem.excluded[start + place] >= 0:
                row[problem.excluded[start + place]] = -np.inf
        ranks[start : start + block] = 1 + at_least_as_high(scores, best)[1]
    return ranks


@dataclass(frozen=True, kw_only=True)
class Choice(Task):
    """Which of two texts is nearer to an anchor by cosine?

        gap = cos(anchor, nearer) - cos(anchor, farther)

    Metrics: `accuracy`, the share of gaps above 0 (a tie counts one half, so that chance and equal
    vectors score 1/2); `gap`, their mean; `absolute_gap`, the mean of |gap|: how far a model
    tells apart two texts that should be alike, such as sentences that differ in a pronoun's gender.
    Texts are embedded in the `role`, anchors in the `anchor_role` where that is given.

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
    anchor_role: str | None = None

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        nearer, farther = np.split(embed(problem.nearer + problem.farther, self.role), 2)
        anchors = embed(problem.anchors, self.anchor_role or self.role)
        gap = pairwise_cosine(anchors, nearer) - pairwise_cosine(anchors, farther)
        gap = gap.astype(np.float64)
        records = {
            "accuracy": np.where(np.abs(gap) <= ROUNDING, 0.5, gap > 0),
            "gap": gap,
            "absolute_gap": np.abs(gap),
        }
        return self.scored(records, problem.clusters)
