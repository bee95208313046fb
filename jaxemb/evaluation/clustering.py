"""Clustering: do groups found without labels agree with the labels?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int, Int32

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import LabelData, LabelProblem
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.retrieval.exact import unit
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


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
    runs: int = 5

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        vectors = unit(embed(problem.texts, self.role))
        groups = len(np.unique(problem.labels))
        found = np.stack([assign(vectors, groups, seed) for seed in range(self.runs)], axis=1)
        return self.scored({"assignment": found, "label": problem.labels}, problem.clusters)


def assign(
    vectors: Float32[np.ndarray, "texts width"], groups: int, seed: int
) -> Int32[np.ndarray, " texts"]:
    """The k-means group of every row."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    means = KMeans(groups, n_init=1, random_state=seed)
    # The products are small: several threads would spend their time waiting for one another.
    with threadpool_limits(limits=1):
        return means.fit_predict(vectors).astype(np.int32)


@dataclass(frozen=True, kw_only=True)
class SubsetClustering(Task):
    """Mini-batch k-means within each of several fixed parts of the texts, compared with the labels.

    The texts are parted once, at random by `seed`, into `subsets` parts of nearly one size, the same
    for every model; in each there are as many clusters as labels that occur in it. Vectors are taken
    as they are, not scaled.

    Metric: `v_measure`, the mean over the subsets. Records: `assignment`, `times` (1 in a text's own
    subset, else 0), both `[texts, subsets]`, and `label`.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316), with its later batch size of 500.

    Example:
        >>> SubsetClustering(subsets=4).metrics
        ('v_measure',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("v_measure",)
    kind: ClassVar[str] = "clustering"
    name: str = "clustering"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    subsets: int = 10
    batch: int = 500
    seed: int = 42

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        order = np.random.default_rng(self.seed).permutation(len(problem.texts))
        samples = [np.sort(part) for part in np.array_split(order, self.subsets) if len(part)]
        groups = [len(np.unique(problem.labels[rows])) for rows in samples]
        return _judge_samples(self, problem, embed(problem.texts, self.role), samples, groups)


@dataclass(frozen=True, kw_only=True)
class BootstrapClustering(Task):
    """Mini-batch k-means on samples drawn from the texts with replacement, compared with the labels.

    Of at most `texts` texts (None: all), drawn by `seed`, `samples` samples of `size` are drawn with
    replacement; in each there are as many clusters as labels occur among the texts. Vectors are taken
    as they are, not scaled.

    Metric: `v_measure`, the mean over the samples. Records: `assignment`, `times` (how often a text
    was drawn), both `[texts, samples]`, and `label`.

    Reference: Enevoldsen et al., MMTEB (arXiv:2502.13595).

    Example:
        >>> BootstrapClustering(size=2048).metrics
        ('v_measure',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("v_measure",)
    kind: ClassVar[str] = "clustering"
    name: str = "clustering"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    texts: int | None = None
    samples: int = 10
    size: int = 16384
    batch: int = 512
    seed: int = 42

    def run(self, embed: Embed) -> Result:
        # The benchmark draws with Python's own generator: other draws would give other scores.
        draw, problem = random.Random(self.seed), self.data.load()
        if self.texts is not None:
            chosen = draw.sample(range(len(problem.texts)), min(self.texts, len(problem.texts)))
            problem = _rows_of(problem, chosen)
        count = range(len(problem.texts))
        samples = [np.array(draw.choices(count, k=self.size)) for _ in range(self.samples)]
        groups = [len(np.unique(problem.labels))] * self.samples
        return _judge_samples(self, problem, embed(problem.texts, self.role), samples, groups)


def _rows_of(problem: LabelProblem, rows: Sequence[int]) -> LabelProblem:
    return problem._replace(
        texts=[problem.texts[row] for row in rows],
        labels=problem.labels[list(rows)],
        clusters=problem.clusters[list(rows)],
    )


def _judge_samples(
    task: SubsetClustering | BootstrapClustering,
    problem: LabelProblem,
    vectors: Float32[np.ndarray, "texts width"],
    samples: Sequence[Int[np.ndarray, " _"]],
    groups: Sequence[int],
) -> Result:
    """Clusters every sample by itself; equal rows of a sample always share their cluster."""
    shape = len(problem.texts), len(samples)
    assignment, times = np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
    for column, (rows, count) in enumerate(zip(samples, groups, strict=True)):
        assignment[rows, column] = mini_batches(vectors[rows], count, task.batch, task.seed)
        times[:, column] = np.bincount(rows, minlength=shape[0])
    records = {"assignment": assignment, "times": times, "label": problem.labels}
    return task.scored(records, problem.clusters)


def mini_batches(
    vectors: Float32[np.ndarray, "texts width"], groups: int, batch: int, seed: int
) -> Int32[np.ndarray, " texts"]:
    """The mini-batch k-means group of every row."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    means = MiniBatchKMeans(groups, batch_size=batch, n_init=1, random_state=seed)
    with threadpool_limits(limits=1):
        return means.fit_predict(vectors).astype(np.int32)
