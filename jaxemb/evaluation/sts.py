"""Semantic textual similarity: do vectors order pairs as the gold grades do?"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import PairData, PairProblem
from jaxemb.evaluation.pydocs import PyDocsGrades
from jaxemb.retrieval.exact import unit
from jaxemb.statistics.metrics import CORRELATIONS
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import SIMILARITIES, by_similarity
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class STS(Task):
    """Rank and linear correlation of the cosine with graded similarity.

    Metrics: `spearman`, `pearson`. Records: `prediction` (cosine), `gold`. Both texts take the same
    role, since neither is asked for the other.

    Reference: Cer et al., SemEval-2017 Task 1 (arXiv:1708.00055).

    Example:
        >>> STS(name="sts").metrics
        ('spearman', 'pearson')
    """

    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson")
    name: str = "sts"
    data: PairData = field(default_factory=PyDocsGrades)
    role: str = "query"

    def run(self, embed: Embed) -> Result:
        return judge_pairs(self, self.data.load(), embed)


@dataclass(frozen=True, kw_only=True)
class STSBySimilarity(Task):
    """`STS` by each similarity: cosine, dot product, and negative Euclidean and Manhattan distance.

    Metrics: `cosine_spearman`, `cosine_pearson`, `dot_spearman`, ... Records: the similarities by
    their names, `gold`. Cosine, dot product and Euclidean distance do not change when all vectors
    are rotated; Manhattan distance does.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> STSBySimilarity().metrics[:3]
        ('cosine_spearman', 'cosine_pearson', 'dot_spearman')
    """

    kind: ClassVar[str] = "sts"
    name: str = "sts"
    data: PairData = field(default_factory=PyDocsGrades)
    role: str = "query"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(f"{kind}_{metric}" for kind in SIMILARITIES for metric in CORRELATIONS)

    def run(self, embed: Embed) -> Result:
        return judge_similarities(self, self.data.load(), embed)


def judge_pairs(task: Task, problem: PairProblem, embed: Embed) -> Result:
    """Cosine of every pair against its gold value, by the task's metrics."""
    vectors = embed(problem.first + problem.second, task.role)
    count = len(problem.first)
    cosines = pairwise_cosine(vectors[:count], vectors[count:])
    return task.scored({"prediction": cosines, "gold": problem.gold}, problem.clusters)


def judge_similarities(task: Task, problem: PairProblem, embed: Embed) -> Result:
    """Every similarity of every pair against its gold value, by the task's metrics."""
    vectors = embed(problem.first + problem.second, task.role)
    count = len(problem.first)
    similarities = by_similarity(vectors[:count], vectors[count:])
    return task.scored({**similarities, "gold": problem.gold}, problem.clusters)


def pairwise_cosine(
    first: Float32[np.ndarray, "pairs width"], second: Float32[np.ndarray, "pairs width"]
) -> Float32[np.ndarray, " pairs"]:
    """Cosine of row i with row i; 0 where a vector is zero."""
    return np.einsum("pw,pw->p", unit(first), unit(second))
