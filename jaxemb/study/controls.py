"""Rows that stand in every table: what a method has to beat before its score means anything."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, TypeVar

import numpy as np

from jaxemb.config import AtLeast, Between, Part, UsageError, snake_case
from jaxemb.data import ShuffledPositives
from jaxemb.encoders import Bag
from jaxemb.evaluation import Task, evaluate
from jaxemb.heads import Normalize
from jaxemb.model import Embedding, Model
from jaxemb.pooling import Mean
from jaxemb.retrieval import lexical
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows

Recipe = TypeVar("Recipe")
"""An `Experiment`'s base, which knows its controls and not the other way round."""


class Control(Part):
    """Slot: a row of the table that no arm can change.

    Attributes:
        trained: whether `score` is given the model after all stages of `recipe(base)`, or after its
            closed-form ones alone, before any training.
    """

    trained: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The row's name."""
        return snake_case(type(self))

    def recipe(self, base: Recipe) -> Recipe:
        """The recipe whose model `score` is given: the base, unless the control changes it."""
        return base

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """Results by task's name; a task that the control cannot do is left out.

        Args:
            fitted: the model of `recipe(base)`; None where the base has no embedder.
            tasks: what the arms are scored on.
        """
        raise TypeError(f"{type(self).__name__} must define score(fitted, tasks)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BM25(Control):
    """Lexical ranking by BM25, for the tasks that are rankings: retrieval and reranking.

    Reference: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
    """

    k1: Annotated[float, AtLeast(0)] = 1.2
    b: Annotated[float, Between(0, 1)] = 0.75

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """Only rankings have a lexical row; the other tasks show none."""
        ranker = lexical.BM25(k1=self.k1, b=self.b)
        found = {task.name: task.score_run(ranker) for task in tasks}
        return {name: result for name, result in found.items() if result is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomVectors(Control):
    """A random direction for each distinct text: what chance scores."""

    dim: Annotated[int, Between(1, 2**22)] = 128

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """Equal texts get equal vectors, so exact copies are still found."""
        return evaluate(self._embed, tasks)

    def _embed(self, texts: Sequence[str], role: str = "document") -> np.ndarray:
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            draws = np.random.default_rng(int.from_bytes(digest, "little"))
            vectors[row] = draws.standard_normal(self.dim)
        return unit_rows(vectors)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Untrained(Control):
    """The base model with its fitted token table and random weights everywhere else."""

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """What the architecture scores before its first step."""
        return {} if fitted is None else evaluate(Embedding(fitted), tasks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StaticBag(Control):
    """The mean of the fitted token vectors: no encoder, no training."""

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """The bag reads the same token table that the arms start from."""
        if fitted is None:
            return {}
        name = fitted.embedder.name_of("document")
        tower = fitted.embedder.by_name[name]
        bag = dataclasses.replace(
            tower, encoder=Bag(width=tower.encoder.width), pooling=Mean(), head=Normalize()
        )
        tokens = fitted.embedder.params_of(fitted.params, name)["tokens"]
        params = {"tokens": tokens, "encoder": {}, "pooling": {}, "head": {}}
        model = dataclasses.replace(fitted, embedder=bag, params=params)
        return evaluate(_EveryDepth(Embedding(model)), tasks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShuffledPairs(Control):
    """The base trained on pairs whose positives are dealt out at random, at its own learning rate.

    Texts, steps and vocabulary are those of the arms; only which texts belong together is lost. A
    score that this row reaches too was not learned from the pairs.

    Raises:
        UsageError: the base has no stage that trains on a view with positives.

    Example:
        >>> from jaxemb import recipes
        >>> ShuffledPairs().recipe(recipes.pair_retriever()).stages[-1].data.view
        ShuffledPositives(inner=SummaryToBody(), seed=0)
    """

    trained: ClassVar[bool] = True

    seed: Annotated[int, AtLeast(0)] = 0

    def recipe(self, base: Recipe) -> Recipe:
        """The base with every view of pairs shuffled."""
        stages = tuple(self._shuffled(stage) for stage in base.stages)
        if stages == base.stages:
            raise UsageError("ShuffledPairs has no pairs to shuffle: the base trains on none.")
        return dataclasses.replace(base, stages=stages)

    def score(self, fitted: Model | None, tasks: Sequence[Task]) -> dict[str, Result]:
        """As an arm is scored."""
        return {} if fitted is None else evaluate(Embedding(fitted), tasks)

    def _shuffled(self, stage: Any) -> Any:
        return stage.with_view(lambda view: ShuffledPositives(inner=view, seed=self.seed))


@dataclasses.dataclass(frozen=True)
class _EveryDepth:
    """An embedding without `at`: a bag has no layers to cut, and is the same at every depth."""

    inner: Embedding

    def __call__(self, texts: Sequence[str], role: str) -> np.ndarray:
        return self.inner(texts, role)

    def of(self, task: str) -> "_EveryDepth":
        embedding = self.inner.of(task)
        return self if embedding is self.inner else _EveryDepth(embedding)
