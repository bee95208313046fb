"""What a model's vectors are like, and what is left of a task's score in fewer dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from jaxemb.analysis import FirstDimensions, Reduction, distinct, neighbour_ratios
from jaxemb.config import AtLeast, Between, smaller, snake_case
from jaxemb.data import Dataset, PyDocs, Texts
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.rank import Background, PairTexts
from jaxemb.evaluation.wrapped import Wrapped
from jaxemb.statistics.metrics import SAME_IN_EVERY_RUN, statistic_of
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Geometry(Task):
    """The cloud of a model's unit vectors of texts: its dimension, and how evenly it fills the space.

    Metrics: `intrinsic_dimension` (TwoNN), `iso_score`, `effective_rank`, `mean_cosine`. They say
    what a model is like, not that it is good. Compare them on the same texts: fewer texts fill fewer
    directions. Texts of equal vectors count once. Each text is its own cluster; where one is left out
    for the uncertainty, the neighbours of the others stay as they are.

    Example:
        >>> Geometry().metrics[0]
        'intrinsic_dimension'

    Reference: Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings,
    arXiv:2506.01435.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        "intrinsic_dimension", "iso_score", "effective_rank", "mean_cosine",
    )  # fmt: skip
    name: str = "geometry"
    data: Background = field(default_factory=PairTexts)
    role: str = "query"

    def run(self, embed: Embed) -> Result:
        vectors = unit_rows(embed(self.data.load(), self.role))
        vectors = vectors[distinct(vectors)]
        records = {"vector": vectors, "ratio": neighbour_ratios(vectors)}
        return self.scored(records, np.arange(len(vectors), dtype=np.int32))


@dataclass(frozen=True, kw_only=True)
class Reduced(Wrapped):
    """What another task's main metric keeps of itself when vectors are cut to `dim` numbers.

    One metric, such as `ndcg@10.kept`: the score with reduced vectors over the score with whole ones.
    Vectors are scaled to unit length after the cut. A reduction that is fitted is fitted to the
    vectors of `sample` texts of `texts`, never to the task's own.

    Its name says how: `retrieval@first_dimensions,dim=96`.

    Raises:
        UsageError: the vectors have fewer than `dim` numbers.

    Example:
        >>> from jaxemb.evaluation import Retrieval
        >>> Reduced(inner=Retrieval(), dim=96).metrics
        ('ndcg@10.kept',)

    Reference: Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings,
    arXiv:2506.01435.
    """

    dim: Annotated[int, Between(1, 2**22)]
    by: Reduction = FirstDimensions()
    texts: Dataset = Texts(source=PyDocs())
    sample: Annotated[int, AtLeast(1)] = 1000

    @property
    def manner(self) -> str:
        return f"{snake_case(type(self.by))},dim={self.dim}"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (f"{self.inner.metrics[0]}.kept",)

    def small(self) -> "Reduced":
        return smaller(self, sample=64)

    def run(self, embed: Embed) -> Result:
        whole = self.inner.run(embed)
        change = self.by.to(self.dim, lambda: self._others(embed))

        def reduced(texts: Sequence[str], role: str) -> np.ndarray:
            return unit_rows(np.asarray(change(embed(texts, role)), np.float32))

        examples = _beside(self.inner.run(reduced).examples, whole.examples)
        (name,) = self.metrics
        return Result({name: statistic_of(name)(examples)}, examples, self.fingerprint())

    def score_run(self, searcher: Any) -> None:
        """A ranking has no dimensions to cut."""
        return None

    def _others(self, embed: Embed) -> np.ndarray:
        """Vectors of texts that are not the task's."""
        return embed(list(dict.fromkeys(self.texts.texts()))[: self.sample], "document")


def _beside(reduced: dict[str, np.ndarray], whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Records of two runs, `[examples, 2]`; what is the same in both, once."""
    return {
        name: record if name in SAME_IN_EVERY_RUN else np.stack([record, whole[name]], axis=1)
        for name, record in reduced.items()
    }


def sweep(
    tasks: Sequence[Task], dims: Sequence[int], by: Sequence[Reduction], **fields: Any
) -> tuple[Reduced, ...]:
    """Every task at every number of dimensions by every reduction.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> [task.name for task in sweep([STS()], dims=(8, 2), by=[FirstDimensions()])]
        ['sts@first_dimensions,dim=8', 'sts@first_dimensions,dim=2']
    """
    return tuple(
        Reduced(inner=task, dim=dim, by=how, **fields)
        for task in tasks
        for how in by
        for dim in dims
    )
