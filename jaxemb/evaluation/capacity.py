"""How many documents vectors of some width can serve in every combination; needs no model."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from jaxemb.analysis import FreeVectors, critical_size, subsets
from jaxemb.config import AtLeast, Between, smaller
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import TaskData
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class AllSubsets(TaskData):
    """Judgements without texts: every set of `size` documents answers one query."""

    size: Annotated[int, AtLeast(1)] = 2

    def load(self) -> None:
        """There are no texts."""


@dataclass(frozen=True, kw_only=True)
class Capacity(Task):
    """The largest number of documents of which free vectors can rank every subset on top.

    The model is not asked: one vector per query and per document is trained on the judgements. Metric:
    `critical_size`, a mean over `starts` searches from different vectors, which are the examples.
    Each searches up to `most` documents, and a size counts where one of `tries` trainings recovers
    everything: in few dimensions vectors cannot pass each other, and some trainings get stuck.

    With pairs and unit vectors exactly 3 documents are possible in two dimensions and 4 in three,
    since the sets on top are edges of a convex hull. From four dimensions on any number is possible
    in exact arithmetic: what is found there is how far the optimiser comes in float32.

    Reference: On the Theoretical Limitations of Embedding-Based Retrieval, arXiv:2508.21038.

    Example:
        >>> Capacity(dim=2).metrics
        ('critical_size',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("critical_size",)
    name: str = "capacity"
    data: AllSubsets = field(default_factory=AllSubsets)
    vectors: FreeVectors = field(default_factory=FreeVectors)
    dim: Annotated[int, Between(1, 2**22)] = 4
    starts: Annotated[int, AtLeast(1)] = 3
    tries: Annotated[int, AtLeast(1)] = 6
    most: Annotated[int, AtLeast(1)] = 64

    def run(self, embed: Embed) -> Result:
        sizes = np.array([self._critical(start) for start in range(self.starts)], np.float64)
        return self.scored({"critical_size": sizes}, np.arange(self.starts, dtype=np.int32))

    def _critical(self, start: int) -> int:
        def solves(documents: int) -> bool:
            relevant = subsets(documents, self.data.size)
            return self.vectors.train(relevant, self.dim, start, self.tries).recovered == 1.0

        # One set of all documents is on top whatever the vectors: a size that is always solved.
        return critical_size(solves, least=self.data.size, most=self.most)

    def small(self) -> "Capacity":
        return smaller(self, starts=2, tries=1)
