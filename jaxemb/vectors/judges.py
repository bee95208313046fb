"""Which model data ask: the one under training, or another."""

import abc
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float

from jaxemb.config import Part, UsageError, to_json
from jaxemb.model import Embedding, Start
from jaxemb.vectors.looks import BySearch, Look, Rescored, ScorePairs
from jaxemb.vectors.store import EmbeddingStore


@dataclass(frozen=True, kw_only=True)
class Judge(Part, abc.ABC):
    """Slot: the model that ranks texts for a dataset.

    Attributes:
        changes: whether it says something else after some steps of training.
    """

    changes: ClassVar[bool] = False

    @abc.abstractmethod
    def searcher(self, current: Callable[[], Any]) -> Any:
        """Something with `index(texts)`; `current()` is the model under training at this step."""

    def look(self, current: Callable[[], Any]) -> Look:
        """How it ranks and scores the texts at this step."""
        return BySearch(self.searcher(current))

    def fingerprint(self) -> str:
        """What it is read from outside the recipe; empty where nothing is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class UnderTraining(Judge):
    """The model under training, as it is when it is asked.

    Example:
        >>> UnderTraining().searcher(lambda: "the model")
        'the model'
    """

    changes: ClassVar[bool] = True

    def searcher(self, current: Callable[[], Any]) -> Any:
        return current()


@dataclass(frozen=True, kw_only=True)
class AnotherModel(Judge):
    """A model that does not change; its vectors are kept on disk by text.

    Args:
        start: the model; asked as it starts.

    Example:
        >>> AnotherModel(start=Pretrained("all-MiniLM-L6-v2"))
    """

    start: Start

    def searcher(self, current: Callable[[], Any]) -> Any:
        return _store(self, str(to_json(self)))

    def fingerprint(self) -> str:
        return self.start.fingerprint()


@dataclass(frozen=True, kw_only=True)
class PairScore(Part, abc.ABC):
    """Slot: how well a text answers a query, read together.

    Attributes:
        changes: whether it says something else after some steps of training.
    """

    changes: ClassVar[bool] = False

    @abc.abstractmethod
    def scorer(self, current: Callable[[], Any]) -> ScorePairs:
        """The function `queries, texts -> [pairs]`; `current()` is as in `Judge.searcher`."""

    def fingerprint(self) -> str:
        """What it is read from outside the recipe; empty where nothing is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class CrossEncoder(PairScore):
    r"""A model that reads a query and a text as one: $s(q, d) = f(q \, \Vert \, d)$, one number.

    Such a model is trained by jaxemb with `PairScores()` in the slot of a loss that reads scores.

    Args:
        start: the model; asked as it starts. Its vectors have one number.
        between: what stands between the query and the text.

    Raises:
        UsageError: when asked, if the model gives more than one number.

    Example:
        >>> CrossEncoder(start=Pretrained("a-reranker"))

    Reference: Nogueira and Cho, Passage Re-ranking with BERT, arXiv:1901.04085.
    """

    start: Start
    between: str = " [SEP] "

    def scorer(self, current: Callable[[], Any]) -> ScorePairs:
        model = _model(self.start, str(to_json(self)))

        def scores(queries: Sequence[str], texts: Sequence[str]) -> Float[np.ndarray, " pairs"]:
            both = [q + self.between + text for q, text in zip(queries, texts, strict=True)]
            found = np.asarray(model.encode(both, normalize=False))
            if found.shape[-1] != 1:
                raise UsageError(
                    "CrossEncoder needs a model that gives one number; this one gives "
                    f"{found.shape[-1]}."
                )
            return found[:, 0]

        return scores

    def fingerprint(self) -> str:
        return self.start.fingerprint()


@dataclass(frozen=True, kw_only=True)
class Reranked(Judge):
    """What the inner judge finds, ranked anew by a score of each pair.

    The scores that say which texts may be negatives, the pair's own among them, are then those of
    the pairs. Only as many texts as are ranked are scored.

    Args:
        score: reads a query and a text together, such as a `CrossEncoder`.
        inner: finds the texts.

    Example:
        >>> Reranked(score=CrossEncoder(start=Pretrained("a-reranker")))

    Reference: Qu et al., RocketQA, arXiv:2010.08191 (negatives that a cross-encoder denoises).
    """

    score: PairScore
    inner: Judge = UnderTraining()

    @property
    def changes(self) -> bool:
        return self.inner.changes or self.score.changes

    def searcher(self, current: Callable[[], Any]) -> Any:
        return self.inner.searcher(current)

    def look(self, current: Callable[[], Any]) -> Look:
        return Rescored(self.inner.look(current), self.score.scorer(current))

    def fingerprint(self) -> str:
        return self.inner.fingerprint() + self.score.fingerprint()


@functools.lru_cache(maxsize=2)
def _model(start: Start, key: str) -> Any:
    """What it starts as; read once for all that ask."""
    return start.start(jax.random.key(0))


@functools.lru_cache(maxsize=2)
def _store(judge: AnotherModel, key: str) -> EmbeddingStore:
    """Embeds with what the judge starts as; read once for all that ask."""
    return EmbeddingStore(Embedding(judge.start.start(jax.random.key(0))), name="judge")
