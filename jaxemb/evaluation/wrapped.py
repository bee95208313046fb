"""Tasks that are another task, seen in another way: cut vectors, other prefixes, other times."""

import abc
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float32

from jaxemb.config import AtLeast, Between, UsageError, smaller
from jaxemb.evaluation.base import Task, evaluate, flatten
from jaxemb.evaluation.problems import TaskData
from jaxemb.runtime import processes
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed, EmbeddingCache


@dataclass(frozen=True, kw_only=True)
class Wrapped(Task):
    """Base of tasks that run another one: its data, metrics and scores, where nothing else is said.

    Its name says how it is seen: `inner`, an at sign and the `manner`.
    """

    name: str = ""
    inner: Task

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.inner.name}@{self.manner}")

    @property
    @abc.abstractmethod
    def manner(self) -> str:
        """What stands behind the at sign of the name."""

    @property
    def kind(self) -> str:
        return self.inner.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.inner.metrics

    @property
    def data(self) -> TaskData:
        return self.inner.data

    def run(self, embed: Embed) -> Result:
        return self.inner.run(embed)

    def score_run(self, searcher: Any) -> Result | None:
        return self.inner.score_run(searcher)

    def on(self, split: str) -> "Wrapped":
        return dataclasses.replace(self, inner=self.inner.on(split))

    def fingerprint(self) -> str:
        return self.inner.fingerprint()


@dataclass(frozen=True, kw_only=True)
class At(Wrapped):
    """Another task, on vectors cut to `dim` numbers by the model cut after `layers` layers.

    Its name says so: `retrieval@layers=2,dim=32`. Vectors are scaled to unit length after the cut.
    A text is embedded once per depth, whatever the number of dimensions.

    Raises:
        UsageError: the vectors have fewer than `dim` numbers.

    Reference: 2D Matryoshka Sentence Embeddings, arXiv:2402.14776.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> At(inner=STS(), layers=2, dim=32).name
        'sts@layers=2,dim=32'
    """

    layers: Annotated[int, Between(0, 1000)] | None = None
    dim: Annotated[int, Between(1, 2**22)] | None = None

    @property
    def manner(self) -> str:
        cut = {"layers": self.layers, "dim": self.dim}
        return ",".join(f"{key}={value}" for key, value in cut.items() if value is not None)

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

    def small(self) -> "At":
        return smaller(self, layers=2, dim=16)


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


@dataclass(frozen=True, kw_only=True)
class Presented(Wrapped):
    """Another task, in which texts get the prefixes that the model has for a type of task.

    Given a type that is not the task's own, it tells what a wrong prefix costs. A model whose
    template does not tell tasks apart scores as it does in the task itself. Its name says the type:
    `retrieval@clustering`.

    Example:
        >>> from jaxemb.evaluation import Retrieval
        >>> Presented(inner=Retrieval(), like="clustering").name
        'retrieval@clustering'

    Reference: Snegirev et al., "The Russian-focused embedders' exploration: ruMTEB benchmark and
    Russian embedding model design", arXiv:2408.12503.
    """

    like: str

    @property
    def manner(self) -> str:
        return self.like

    @property
    def kind(self) -> str:
        """The type whose prefixes are used."""
        return self.like


@dataclass(frozen=True, kw_only=True)
class During(Wrapped):
    """Another task, run every so many steps of the last stage instead of when it has ended.

    Its scores stand in the training curve as `retrieval@dev/ndcg@10`, never in the table of results:
    give it a task on the development split.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> During(inner=STS().on("dev"), every=50).name
        'sts@dev'
    """

    manner: ClassVar[str] = "dev"
    every: Annotated[int, AtLeast(1)] = 50

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"every={self.every} must be at least 1.")
        super().__post_init__()

    def score_run(self, searcher: Any) -> None:
        """A searcher is not trained."""
        return None

    def small(self) -> "During":
        return smaller(self, every=1)


def final(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks that are run when training has ended."""
    return tuple(task for task in tasks if not isinstance(task, During))


def monitor(
    tasks: Sequence[Task], embedding: Callable[[Any], Embed]
) -> Callable[[int, Callable[[], Any]], Mapping[str, float] | None]:
    """What the training loop calls after each step: the scores that are due then, or None.

    Args:
        embedding: a model to the function that embeds with it.
    """
    watched = [task for task in tasks if isinstance(task, During)]

    def scores(step: int, model: Callable[[], Any]) -> Mapping[str, float] | None:
        due = [task for task in watched if step % task.every == 0]
        if not due:
            return None
        current = model()
        return processes.lead(lambda: flatten(evaluate(embedding(current), due)))

    return scores
