"""One look at the texts of a dataset: who ranks them, and who scores a pair."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxemb.model import Embedding
from jaxemb.vectors.cache import EmbeddingCache
from jaxemb.vectors.ranks import Answers, Ranked, ranked, scores_of

Examples = Sequence[dict[str, Any]]
ScorePairs = Callable[[Sequence[str], Sequence[str]], Float[np.ndarray, " pairs"]]
"""Queries and texts, one of each per pair, to how well the text answers the query."""


class Look(abc.ABC):
    """Ranks the candidates of some examples, and scores a few of them."""

    @abc.abstractmethod
    def ranked(
        self,
        examples: Examples,
        depth: int,
        *,
        pool: Sequence[int] | None = None,
        candidates: Examples | None = None,
        answers: Answers | None = None,
    ) -> Ranked:
        """As `jaxemb.vectors.ranked`."""

    @abc.abstractmethod
    def scores_of(
        self, examples: Examples, numbers: Int[np.ndarray, "examples k"], candidates: Examples
    ) -> Float[np.ndarray, "examples k"]:
        """The scores of each example's query with some of the candidates."""

    @abc.abstractmethod
    def kept(self) -> "Look":
        """The same, for several searches among which a text is embedded once."""


@dataclass(frozen=True)
class BySearch(Look):
    """Something with `index(texts)`, such as a model, searches."""

    searcher: Any

    def ranked(self, examples: Examples, depth: int, **which: Any) -> Ranked:
        return ranked(examples, self.searcher, depth, **which)

    def scores_of(
        self, examples: Examples, numbers: Int[np.ndarray, "examples k"], candidates: Examples
    ) -> Float[np.ndarray, "examples k"]:
        return scores_of(examples, self.searcher, numbers, candidates)

    def kept(self) -> "BySearch":
        if hasattr(self.searcher, "encode") and hasattr(self.searcher, "embedder"):
            return BySearch(EmbeddingCache(Embedding(self.searcher)))
        return self


@dataclass(frozen=True)
class Rescored(Look):
    """What another look finds, ranked anew by a function of each pair.

    Example:
        >>> look = Rescored(BySearch(model), lambda queries, texts: cross_encoder(queries, texts))
    """

    inner: Look
    function: ScorePairs

    def ranked(self, examples: Examples, depth: int, **which: Any) -> Ranked:
        found = self.inner.ranked(examples, depth, **which)
        candidates = which.get("candidates") or examples
        there = found.others >= 0
        rows = np.broadcast_to(np.arange(len(examples))[:, None], there.shape)[there]
        texts = [candidates[number]["positive"] for number in found.others[there].tolist()]
        queries = [examples[row]["query"] for row in rows.tolist()]
        scores = np.full(there.shape, -np.inf, np.float32)
        scores[there] = self._scores(queries, texts)
        own = self._scores([e["query"] for e in examples], [e["positive"] for e in examples])
        order = np.argsort(-scores, axis=1, kind="stable")
        best = (np.take_along_axis(x, order, axis=1) for x in (found.others, scores))
        return Ranked(*best, own)

    def scores_of(
        self, examples: Examples, numbers: Int[np.ndarray, "examples k"], candidates: Examples
    ) -> Float[np.ndarray, "examples k"]:
        queries = [e["query"] for e in examples for _ in range(numbers.shape[1])]
        texts = [candidates[number]["positive"] for number in numbers.ravel().tolist()]
        return self._scores(queries, texts).reshape(numbers.shape)

    def kept(self) -> "Rescored":
        return Rescored(self.inner.kept(), self.function)

    def _scores(self, queries: list[str], texts: list[str]) -> Float[np.ndarray, " pairs"]:
        """Every different pair is asked once."""
        place = {pair: n for n, pair in enumerate(dict.fromkeys(zip(queries, texts, strict=True)))}
        if not place:
            return np.zeros(0, np.float32)
        found = np.asarray(self.function(*map(list, zip(*place, strict=True))), np.float32)
        return found[[place[pair] for pair in zip(queries, texts, strict=True)]]
