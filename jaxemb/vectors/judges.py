"""Which model data ask: the one under training, or another."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from jaxemb.config import Part, to_json
from jaxemb.model import Embedding, Start
from jaxemb.vectors.store import EmbeddingStore


@dataclass(frozen=True, kw_only=True)
class Judge(Part, ABC):
    """Slot: the model that ranks texts for a dataset.

    Attributes:
        changes: whether it says something else after some steps of training.
    """

    changes: ClassVar[bool] = False

    @abstractmethod
    def searcher(self, current: Callable[[], Any]) -> Any:
        """Something with `index(texts)`; `current()` is the model under training at this step."""

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


@functools.lru_cache(maxsize=2)
def _store(judge: AnotherModel, key: str) -> EmbeddingStore:
    """Embeds with what the judge starts as; read once for all that ask."""
    return EmbeddingStore(Embedding(judge.start.start(jax.random.key(0))), name="judge")
