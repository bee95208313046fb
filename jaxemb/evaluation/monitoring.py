"""Tasks that are run while a model is trained: points of its learning curve."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Task, evaluate, flatten
from jaxemb.evaluation.problems import TaskData
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class During(Task):
    """Another task, run every so many steps of the last stage instead of when it has ended.

    Its scores stand in the training curve as `retrieval@dev/ndcg@10`, never in the table of results:
    give it a task on the development split.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> During(inner=STS().on("dev"), every=50).name
        'sts@dev'
    """

    name: str = ""
    inner: Task
    every: int = 50

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"every={self.every} must be at least 1.")
        object.__setattr__(self, "name", f"{self.inner.name}@dev")

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.inner.metrics

    @property
    def data(self) -> TaskData:
        return self.inner.data

    def run(self, embed: Embed) -> Result:
        return self.inner.run(embed)

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    def on(self, split: str) -> "During":
        return During(inner=self.inner.on(split), every=self.every)


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
        return flatten(evaluate(embedding(model()), due)) if due else None

    return scores
