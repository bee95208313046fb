"""Pairs of texts: do vectors order them as the gold grades do, and tell matches from others?"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import PairData, PairProblem
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLinks
from jaxemb.statistics.metrics import CORRELATIONS, MATCHING
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import SIMILARITIES, by_similarity, unit_rows
from jaxemb.vectors.cache import Embed

Vectors = Float32[np.ndarray, "pairs width"]


@dataclass(frozen=True, kw_only=True)
class PairTask(Task, abc.ABC):
    """Base of tasks that compare the two texts of every pair, which take the same role."""

    data: ClassVar[PairData]
    role: str = "query"

    def compared(
        self, first: Vectors, second: Vectors
    ) -> Mapping[str, Float[np.ndarray, " pairs"]]:
        """The records of the pairs: by default their cosine, as `prediction`."""
        return {"prediction": pairwise_cosine(first, second)}

    def pairs(self) -> PairProblem:
        """The pairs to judge."""
        return self.data.load()

    def run(self, embed: Embed) -> Result:
        problem = self.pairs()
        first, second = np.split(embed(problem.first + problem.second, self.role), 2)
        records = {**self.compared(first, second), "gold": problem.gold}
        return self.scored(records, problem.clusters)


@dataclass(frozen=True, kw_only=True)
class BySimilarity(PairTask, abc.ABC):
    """Base of tasks that compare pairs by cosine, dot product, Euclidean and Manhattan distance."""

    def compared(
        self, first: Vectors, second: Vectors
    ) -> Mapping[str, Float[np.ndarray, " pairs"]]:
        return by_similarity(first, second)


@dataclass(frozen=True, kw_only=True)
class STS(PairTask):
    """Rank and linear correlation of the cosine with graded similarity.

    Metrics: `spearman`, `pearson`. Records: `prediction` (cosine), `gold`. Both texts take the same
    role, since neither is asked for the other.

    Reference: Cer et al., SemEval-2017 Task 1 (arXiv:1708.00055).

    Example:
        >>> STS(name="sts").metrics
        ('spearman', 'pearson')
    """

    metrics: ClassVar[tuple[str, ...]] = tuple(CORRELATIONS)
    name: str = "sts"
    data: PairData = field(default_factory=PyDocsGrades)


@dataclass(frozen=True, kw_only=True)
class AngularSTS(PairTask):
    """`STS` by angle, `1 - arccos(cosine) / π`: 1 for equal vectors, 0 for opposite ones.

    It orders pairs as the cosine does, so the rank correlation is that of `STS`. It spreads pairs that
    are nearly equal, which the linear correlation tells.

    Reference: Cer et al., Universal Sentence Encoder (arXiv:1803.11175).

    Example:
        >>> AngularSTS().metrics
        ('spearman', 'pearson')
    """

    kind: ClassVar[str] = "sts"
    metrics: ClassVar[tuple[str, ...]] = tuple(CORRELATIONS)
    name: str = "sts"
    data: PairData = field(default_factory=PyDocsGrades)

    def compared(
        self, first: Vectors, second: Vectors
    ) -> Mapping[str, Float[np.ndarray, " pairs"]]:
        cosine = pairwise_cosine(first, second).astype(np.float64)
        return {"prediction": 1 - np.arccos(np.clip(cosine, -1, 1)) / np.pi}


@dataclass(frozen=True, kw_only=True)
class STSBySimilarity(BySimilarity):
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
    metrics: ClassVar[tuple[str, ...]] = tuple(
        f"{similarity}_{metric}" for similarity in SIMILARITIES for metric in CORRELATIONS
    )
    name: str = "sts"
    data: PairData = field(default_factory=PyDocsGrades)


@dataclass(frozen=True, kw_only=True)
class PairClassification(PairTask):
    """Average precision of the cosine over pairs whose gold value is 1 (a match) or 0.

    Metric: `ap`. Records: `prediction` (cosine), `gold`. A model that knows nothing scores the
    share of matches, one half on the default data.

    Example:
        >>> PairClassification().metrics
        ('ap',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("ap",)
    name: str = "pair_classification"
    data: PairData = field(default_factory=PyDocsLinks)

    def pairs(self) -> PairProblem:
        return with_matches(self.data.load(), self.name)


@dataclass(frozen=True, kw_only=True)
class PairClassificationBySimilarity(BySimilarity):
    """`PairClassification` by each similarity, with accuracy and F1 at the best threshold.

    Metrics: `max_ap`, `max_accuracy`, `max_f1`, `max_precision`, `max_recall`, each the highest over
    the similarities, and each of them by `cosine_`, `dot_`, `euclidean_` and `manhattan_`. Precision
    and recall are those at the threshold of the best F1. A threshold lies between two different
    scores, so that tied pairs are never parted. Records: the similarities by their names, `gold`.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> PairClassificationBySimilarity().metrics[:6]
        ('max_ap', 'max_accuracy', 'max_f1', 'max_precision', 'max_recall', 'cosine_ap')
    """

    kind: ClassVar[str] = "pair_classification"
    metrics: ClassVar[tuple[str, ...]] = tuple(
        f"{similarity}_{metric}" for similarity in ("max", *SIMILARITIES) for metric in MATCHING
    )
    name: str = "pair_classification"
    data: PairData = field(default_factory=PyDocsLinks)

    def pairs(self) -> PairProblem:
        return with_matches(self.data.load(), self.name)


def with_matches(problem: PairProblem, name: str) -> PairProblem:
    """The pairs, whose gold values say which match.

    Raises:
        UsageError: there are other gold values than 1 and 0, or only one of them.
    """
    values = np.unique(problem.gold)
    if values.tolist() != [0.0, 1.0]:
        shown = ", ".join(f"{value:g}" for value in values[:5]) + (
            ", ..." if len(values) > 5 else ""
        )
        raise UsageError(
            f"task {name} needs pairs of gold value 1 and of gold value 0, and no others; it has {shown}"
        )
    return problem


def pairwise_cosine(first: Vectors, second: Vectors) -> Float32[np.ndarray, " pairs"]:
    """Cosine of row i with row i; 0 where a vector is zero."""
    return np.einsum("pw,pw->p", unit_rows(first), unit_rows(second))
