"""Tasks, their results with a record for every example, and the embedding cache they share."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from jaxemb.config import Part, UsageError, check_whole, fingerprint, snake_case
from jaxemb.evaluation.problems import TaskData
from jaxemb.statistics.metrics import STATISTICS
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed, EmbeddingCache


@dataclass(frozen=True, kw_only=True)
class Task(Part, abc.ABC):
    """Slot base: a model and labelled data to numbers.

    Every task has a `name`, which stands before the metric in every table (`"sts/spearman"`), and
    `data`, a part that says where its texts come from.
    """

    name: ClassVar[str]
    data: ClassVar[TaskData]

    @property
    def kind(self) -> str:
        """The type of the task: `"retrieval"`, `"sts"`, ...

        A model's template may have a prefix for it. Tasks that score the same ability by other
        protocols share a type.
        """
        return snake_case(type(self))

    @property
    @abc.abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, the first one being the task's main one."""

    @abc.abstractmethod
    def run(self, embed: Embed) -> Result:
        """Scores the model behind `embed`."""

    def score_run(self, searcher: Any) -> Result | None:
        """Scores a searcher that gives rankings instead of vectors; None where that has no meaning.

        A searcher has `index(documents)`, which gives an object with `search(queries, k)`, as
        `jaxemb.retrieval.BM25` has. Only retrieval tasks can score one.
        """
        return None

    def scored(
        self,
        records: dict[str, np.ndarray],
        clusters: np.ndarray,
        metrics: Sequence[str] | None = None,
    ) -> Result:
        """These records and the metrics of them: all of the task's, or those that are named.

        A metric is the mean of the records of its name, or where there are none, what `STATISTICS`
        computes from the others.
        """
        metrics = {
            name: float(np.mean(records[name])) if name in records else STATISTICS[name](records)
            for name in (self.metrics if metrics is None else metrics)
        }
        return Result(metrics, {**records, "cluster": clusters}, self.fingerprint())

    def on(self, split: str) -> "Task":
        """The same task on another split of its data, for choosing settings on `"dev"`."""
        return dataclasses.replace(self, data=self.data.on(split))

    def fingerprint(self) -> str:
        """Changes whenever the texts, the gold values or their order could."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        read = [value.fingerprint() for value in values if isinstance(value, TaskData)]
        return read[0] if len(read) == 1 else fingerprint(read)


def evaluate(embed: Embed, tasks: Iterable[Task]) -> dict[str, Result]:
    """Runs the tasks on one model; a text that several tasks use is embedded once per role.

    Args:
        embed: texts and their role ("query" or "document") to `[texts, width]` vectors.
        tasks: tasks with different names.

    Raises:
        UsageError: if two different tasks have the same name, a name holds `/` or `|`, or a field
            is out of range.
        FloatingPointError: if a vector is not finite.

    Example:
        >>> from jaxemb.evaluation import evaluate
        >>> evaluate(lambda texts, role: np.ones((len(texts), 2), np.float32), tasks=[])
        {}
    """
    tasks = list(tasks)
    check_names(tasks)
    for task in tasks:
        check_whole(task, task.name)
    cache = embed if isinstance(embed, EmbeddingCache) else EmbeddingCache(embed)
    return {task.name: task.run(cache.of(task.kind)) for task in dict.fromkeys(tasks)}


def evaluate_run(searcher: Any, tasks: Iterable[Task]) -> dict[str, Result | None]:
    """As `evaluate`, for a searcher without vectors: None for every task that is not retrieval."""
    tasks = list(tasks)
    check_names(tasks)
    return {task.name: task.score_run(searcher) for task in tasks}


def flatten(results: Mapping[str, Result | None]) -> dict[str, float]:
    """Results to one table: `{"retrieval/ndcg@10": 0.41, ...}`; tasks without result left out."""
    return {
        f"{task}/{metric}": value
        for task, result in results.items()
        if result is not None
        for metric, value in result.metrics.items()
    }


def embed_groups(
    embed: Embed, groups: Sequence[Sequence[str]], role: str
) -> list[Float[np.ndarray, "_ width"]]:
    """The vectors of every group of texts, all embedded together."""
    vectors = embed([text for group in groups for text in group], role)
    return np.split(vectors, np.cumsum([len(group) for group in groups])[:-1])


def check_names(tasks: Sequence[Task]) -> None:
    """Refuses names that two tasks share: they head columns, `task/metric`, and are keys of files."""
    named: dict[str, Task] = {}
    for task in tasks:
        if "/" in task.name or "|" in task.name:
            raise UsageError(
                f"a task cannot be named {task.name!r}: '/' and '|' part names in tables"
            )
        if named.setdefault(task.name, task) != task:
            raise UsageError(f"two tasks are named {task.name!r}; give each its own name")
