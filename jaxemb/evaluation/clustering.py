"""Clustering: do groups found without labels agree with the labels?"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.evaluation.base import Embed, Result, Task
from jaxemb.evaluation.metrics import v_measure
from jaxemb.evaluation.problems import LabelData
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.retrieval.exact import unit


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

    name: str = "clustering"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    runs: int = 5

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("v_measure",)

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        vectors = unit(embed(problem.texts, self.role))
        groups = len(np.unique(problem.labels))
        found = np.stack([assign(vectors, groups, seed) for seed in range(self.runs)], axis=1)
        return Result(
            metrics={"v_measure": v_measure(found, problem.labels)},
            examples={"assignment": found, "label": problem.labels, "cluster": problem.clusters},
            data=self.fingerprint(),
        )


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
