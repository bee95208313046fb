"""Tasks, their results with a record for every example, and the embedding cache they share."""

import abc
import dataclasses
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from jaxemb.config import Part, UsageError, snake_case
from jaxemb.evaluation.metrics import STATISTICS
from jaxemb.evaluation.problems import TaskData

Embed = Callable[[Sequence[str], str], Float32[np.ndarray, "texts width"]]
"""Texts and their role ("query" or "document") to one vector a text, in order."""


@dataclass(eq=False)
class Result:
    """What one model scored in one task, and the records that make the scores checkable.

    `metrics` maps names such as `"ndcg@10"` to the score. `examples` holds arrays with one entry an
    example: the metric itself under its own name where the score is a mean over examples, otherwise
    what the score is computed from (`prediction` and `gold`, `assignment` and `label`); always
    `cluster`, the number of the group of examples that vary together. `data` is the fingerprint of
    the texts and gold values: results of different data refuse to be compared.

    Example:
        >>> result = Result(metrics={"accuracy": 0.5}, examples={
        ...     "accuracy": np.array([1.0, 0.0]), "cluster": np.array([0, 1])})
        >>> result.metrics["accuracy"]
        0.5
    """

    metrics: dict[str, float]
    examples: dict[str, np.ndarray] = field(default_factory=dict)
    data: str = ""

    def save(self, path: str | Path) -> None:
        """Writes one `.npz` file that `Result.load` reads."""
        header = json.dumps({"metrics": self.metrics, "data": self.data})
        with open(path, "wb") as file:
            np.savez_compressed(file, header=np.array(header), **self.examples)

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            examples = {name: stored[name] for name in stored.files if name != "header"}
        return cls(metrics=header["metrics"], examples=examples, data=header["data"])


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
        """The type of the task, whatever it is wrapped in: `"retrieval"`, `"sts"`, ...

        A model's template may have a prefix for it. Tasks that score the same ability by other
        protocols share a type.
        """
        inner = getattr(self, "inner", None)
        return inner.kind if isinstance(inner, Task) else snake_case(type(self))

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

    def scored(self, records: dict[str, np.ndarray], clusters: np.ndarray) -> Result:
        """These records and the task's metrics of them.

        A metric is the mean of the records of its name, or where there are none, what `STATISTICS`
        computes from the others.
        """
        metrics = {
            name: float(np.mean(records[name])) if name in records else STATISTICS[name](records)
            for name in self.metrics
        }
        return Result(metrics, {**records, "cluster": clusters}, self.fingerprint())

    def on(self, split: str) -> "Task":
        """The same task on another split of its data, for choosing settings on `"dev"`."""
        return dataclasses.replace(self, data=self.data.on(split))

    def fingerprint(self) -> str:
        """Changes whenever the texts, the gold values or their order could."""
        return self.data.fingerprint()


@dataclass(frozen=True)
class Usage:
    """What one request took: how many texts there were, how many had to be embedded, seconds."""

    texts: int
    embedded: int
    seconds: float


class EmbeddingCache:
    """Embeds every different text once a role, and keeps the vectors in memory.

    `watch` is called after each request with what it took.

    Example:
        >>> calls = []
        >>> def embed(texts, role):
        ...     calls.extend(texts)
        ...     return np.ones((len(texts), 2), np.float32)
        >>> cache = EmbeddingCache(embed)
        >>> cache(["a", "b", "a"], "query").shape, cache(["b"], "query").shape, calls
        ((3, 2), (1, 2), ['a', 'b'])
    """

    def __init__(self, embed: Embed, *, watch: Callable[[Usage], None] | None = None):
        self._embed, self._watch = embed, watch
        self._rows: dict[str, dict[str, int]] = {}
        self._vectors: dict[str, np.ndarray] = {}
        self._depths: dict[int, EmbeddingCache] = {}
        self._kinds: dict[str, EmbeddingCache] = {}

    def __call__(self, texts: Sequence[str], role: str) -> Float32[np.ndarray, "texts width"]:
        started = time.perf_counter()
        rows = self._rows.setdefault(role, {})
        fresh = [text for text in dict.fromkeys(texts) if text not in rows]
        if fresh:
            self._add(fresh, role)
        self._tell(texts, fresh, started)
        if role not in self._vectors:  # nothing was ever asked for
            return np.zeros((0, 0), np.float32)
        return self._vectors[role][[rows[text] for text in texts]]

    def at(self, layers: int | None) -> "EmbeddingCache":
        """The cache of the same model cut after `layers` layers.

        What embeds without layers, such as random vectors, is the same at every depth.
        """
        cut = getattr(self._embed, "at", None)
        if layers is None or cut is None:
            return self
        if layers not in self._depths:
            self._depths[layers] = self._over(cut(layers))
        return self._depths[layers]

    def of(self, kind: str) -> "EmbeddingCache":
        """The cache of the same model for one type of task.

        What embeds every type alike, as a model without `TaskTemplate`, shares one cache.
        """
        embed = of_kind(self._embed, kind)
        if embed is self._embed:
            return self
        if kind not in self._kinds:
            self._kinds[kind] = self._over(embed)
        return self._kinds[kind]

    def _over(self, embed: Embed) -> "EmbeddingCache":
        """A cache like this one over what embeds otherwise."""
        return EmbeddingCache(embed, watch=self._watch)

    def _tell(self, texts: Sequence[str], fresh: Collection, started: float) -> None:
        if self._watch is not None:
            self._watch(Usage(len(texts), len(fresh), time.perf_counter() - started))

    def _add(self, texts: list[str], role: str) -> None:
        vectors = np.asarray(self._embed(texts, role), np.float32)
        check_vectors(vectors, texts)
        self._remember(texts, vectors, role)

    def _remember(self, texts: list[str], vectors: np.ndarray, role: str) -> None:
        rows = self._rows.setdefault(role, {})
        if role in self._vectors:
            vectors = np.concatenate([self._vectors[role], vectors])
        self._vectors[role] = vectors
        rows.update({text: len(rows) + place for place, text in enumerate(texts)})


def of_kind(embed: Embed, kind: str) -> Embed:
    """What embeds for one type of task; the same where no type is told apart."""
    special = getattr(embed, "of", None)
    return embed if special is None else special(kind)


def check_vectors(vectors: np.ndarray, texts: Sequence[str]) -> None:
    """Refuses what is not one finite vector a text."""
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts gave vectors of shape {vectors.shape}")
    bad = int(np.sum(~np.isfinite(vectors).all(axis=1)))
    if bad:
        raise FloatingPointError(f"{bad} of {len(texts)} vectors are not finite")


def evaluate(embed: Embed, tasks: Iterable[Task]) -> dict[str, Result]:
    """Runs the tasks on one model; a text that several tasks use is embedded once a role.

    Args:
        embed: texts and their role ("query" or "document") to `[texts, width]` vectors.
        tasks: tasks with different names.

    Raises:
        UsageError: if two different tasks have the same name, or a name holds `/` or `|`.
        FloatingPointError: if a vector is not finite.

    Example:
        >>> from jaxemb.evaluation import evaluate
        >>> evaluate(lambda texts, role: np.ones((len(texts), 2), np.float32), tasks=[])
        {}
    """
    tasks = list(tasks)
    check_names(tasks)
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
