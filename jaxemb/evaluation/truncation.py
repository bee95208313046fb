"""Tasks at fewer layers and dimensions: quality against size, read off one model."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import TaskData
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed, EmbeddingCache


@dataclass(frozen=True, kw_only=True)
class At(Task):
    """Another task, on vectors cut to `dim` numbers by the model cut after `layers` layers.

    Its name says so: `retrieval@layers=2,dim=32`. Vectors are scaled to unit length after the cut.
    A text is embedded once a depth, whatever the number of dimensions.

    Raises:
        UsageError: the vectors have fewer than `dim` numbers.

    Reference: 2D Matryoshka Sentence Embeddings, arXiv:2402.14776.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> At(inner=STS(), layers=2, dim=32).name
        'sts@layers=2,dim=32'
    """

    name: str = ""
    inner: Task
    layers: int | None = None
    dim: int | None = None

    def __post_init__(self) -> None:
        cut = {"layers": self.layers, "dim": self.dim}
        given = ",".join(f"{key}={value}" for key, value in cut.items() if value is not None)
        object.__setattr__(self, "name", f"{self.inner.name}@{given}")

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.inner.metrics

    def run(self, embed: Embed) -> Result:
        cache = embed if isinstance(embed, EmbeddingCache) else EmbeddingCache(embed)
        whole = cache.at(self.layers)

        def cut(texts: Sequence[str], role: str) -> Float32[np.ndarray, "texts dim"]:
            vectors = whole(texts, role)
            if self.dim is not None and vectors.shape[1] < self.dim:
                raise UsageError(
                    f"{self.name} cuts vectors to {self.dim} numbers, and these have "
                    f"{vectors.shape[1]}: name a dim of at most {vectors.shape[1]}."
                )
            return unit_rows(vectors[:, : self.dim])

        return self.inner.run(cut)

    def score_run(self, searcher: Any) -> None:
        """A ranking has no layers or dimensions to cut."""
        return None

    @property
    def data(self) -> TaskData:
        return self.inner.data

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    def on(self, split: str) -> "At":
        return At(inner=self.inner.on(split), layers=self.layers, dim=self.dim)


def surface(tasks: Sequence[Task], *, layers: Sequence[int], dims: Sequence[int]) -> tuple[At, ...]:
    """Every task at every pair of depth and dimension.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> [task.name for task in surface([STS()], layers=(1, 2), dims=(32,))]
        ['sts@layers=1,dim=32', 'sts@layers=2,dim=32']
    """
    cuts = itertools.product(tasks, layers, dims)
    return tuple(At(inner=task, layers=n, dim=d) for task, n, d in cuts)


def reaches(task: Task, layers: int | None, dim: int | None = None) -> bool:
    """Whether a model of so many layers and dimensions can be scored in the task; None is any."""
    deep = layers is None or getattr(task, "layers", None) is None or task.layers <= layers
    cut = task.dim if isinstance(task, At) else None
    return deep and (dim is None or cut is None or cut <= dim)
