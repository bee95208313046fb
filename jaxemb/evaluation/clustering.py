"""Clustering: do groups found without labels agree with the labels?"""

import abc
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float32, Int, Int32

from jaxemb.config import AtLeast, smaller
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import LabelData, LabelProblem, taken
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed

Vectors = Float32[np.ndarray, "texts width"]
Groups = Int32[np.ndarray, " texts"]
Sample = tuple[Int[np.ndarray, " _"], int]
"""Numbers of texts, and in how many groups they are parted."""


@dataclass(frozen=True, kw_only=True)
class Clustering(Task):
    """K-means on unit vectors, as many clusters as labels, compared with the labels.

    Metric: `v_measure`, the mean over `runs` k-means runs with fixed seeds. Records: `assignment`
    `[texts, runs]`, `label`. Training texts are not read.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316); sklearn.cluster.KMeans.

    Example:
        >>> Clustering().metrics
        ('v_measure',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("v_measure",)
    name: str = "clustering"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    runs: Annotated[int, AtLeast(1)] = 5

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        vectors = unit_rows(embed(self.texts(problem), self.role))
        groups = len(np.unique(problem.labels))
        runs = [assign(vectors, groups, seed) for seed in range(self.runs)]
        records = {"assignment": np.stack(runs, axis=1), "label": problem.labels}
        return self.scored(records, problem.clusters)

    def texts(self, problem: LabelProblem) -> list[str]:
        """The texts as they are embedded."""
        return problem.texts

    def small(self) -> "Clustering":
        return smaller(self, runs=2)


def assign(vectors: Vectors, groups: int, seed: int) -> Groups:
    """The k-means group of every row."""
    from sklearn.cluster import KMeans

    return _grouped(KMeans(groups, n_init=1, random_state=seed), vectors)


def _grouped(model: Any, vectors: Vectors) -> Groups:
    from threadpoolctl import threadpool_limits

    # The products are small: several threads would spend their time waiting for one another.
    with threadpool_limits(limits=1):
        return model.fit_predict(vectors).astype(np.int32)


@dataclass(frozen=True, kw_only=True)
class SampleClustering(Task, abc.ABC):
    """Base of tasks that cluster samples of the texts, each by itself, by mini-batch k-means.

    Vectors are taken as they are, not scaled. Metric: `v_measure`, the mean over the samples.
    Records: `assignment`, `times` (how often a text is in a sample), both `[texts, samples]`, and
    `label`. Equal rows of a sample always share their group.
    """

    kind: ClassVar[str] = "clustering"
    metrics: ClassVar[tuple[str, ...]] = ("v_measure",)
    name: str = "clustering"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    batch: Annotated[int, AtLeast(1)] = 500
    seed: Annotated[int, AtLeast(0)] = 42

    @abc.abstractmethod
    def drawn(self, problem: LabelProblem) -> tuple[LabelProblem, Sequence[Sample]]:
        """The texts that are judged, and the samples of them."""

    def run(self, embed: Embed) -> Result:
        from sklearn.cluster import MiniBatchKMeans

        problem, samples = self.drawn(self.data.load())
        vectors = embed(problem.texts, self.role)
        shape = len(problem.texts), len(samples)
        assignment, times = np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
        for column, (rows, groups) in enumerate(samples):
            model = MiniBatchKMeans(groups, batch_size=self.batch, n_init=1, random_state=self.seed)
            assignment[rows, column] = _grouped(model, vectors[rows])
            times[:, column] = np.bincount(rows, minlength=shape[0])
        records = {"assignment": assignment, "times": times, "label": problem.labels}
        return self.scored(records, problem.clusters)


@dataclass(frozen=True, kw_only=True)
class SubsetClustering(SampleClustering):
    """Mini-batch k-means within each of several fixed parts of the texts, compared with the labels.

    The texts are parted once, at random by `seed`, into `subsets` parts of nearly one size, the same
    for every model; in each there are as many groups as labels that occur in it.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316), with its later batch size of 500.

    Example:
        >>> SubsetClustering(subsets=4).metrics
        ('v_measure',)
    """

    subsets: Annotated[int, AtLeast(1)] = 10

    def drawn(self, problem: LabelProblem) -> tuple[LabelProblem, Sequence[Sample]]:
        order = np.random.default_rng(self.seed).permutation(len(problem.texts))
        parts = [np.sort(part) for part in np.array_split(order, self.subsets) if len(part)]
        return problem, [(rows, len(np.unique(problem.labels[rows]))) for rows in parts]


@dataclass(frozen=True, kw_only=True)
class BootstrapClustering(SampleClustering):
    """Mini-batch k-means on samples drawn from the texts with replacement, compared with the labels.

    Of at most `texts` texts (None: all), drawn by `seed`, `samples` samples of `size` are drawn with
    replacement; in each there are as many groups as labels occur among the texts.

    Reference: Enevoldsen et al., MMTEB (arXiv:2502.13595).

    Example:
        >>> BootstrapClustering(size=2048).metrics
        ('v_measure',)
    """

    texts: Annotated[int, AtLeast(1)] | None = None
    samples: Annotated[int, AtLeast(1)] = 10
    size: Annotated[int, AtLeast(1)] = 16384
    batch: Annotated[int, AtLeast(1)] = 512

    def drawn(self, problem: LabelProblem) -> tuple[LabelProblem, Sequence[Sample]]:
        # The benchmark draws with Python's own generator: other draws would give other scores.
        draw = random.Random(self.seed)
        if self.texts is not None:
            count = len(problem.texts)
            rows = draw.sample(range(count), min(self.texts, count))
            problem = taken(problem, rows, ("texts", "labels", "clusters"))
        places, groups = range(len(problem.texts)), len(np.unique(problem.labels))
        samples = (np.array(draw.choices(places, k=self.size)) for _ in range(self.samples))
        return problem, [(rows, groups) for rows in samples]
