"""A task as if it were of another type: what a model's prefixes are worth."""

from dataclasses import dataclass
from typing import Any

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import TaskData
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Presented(Task):
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

    name: str = ""
    inner: Task
    like: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.inner.name}@{self.like}")

    @property
    def kind(self) -> str:
        """The type whose prefixes are used."""
        return self.like

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.inner.metrics

    def run(self, embed: Embed) -> Result:
        return self.inner.run(embed)

    def score_run(self, searcher: Any) -> Result | None:
        return self.inner.score_run(searcher)

    @property
    def data(self) -> TaskData:
        return self.inner.data

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    def on(self, split: str) -> "Presented":
        return Presented(inner=self.inner.on(split), like=self.like)
