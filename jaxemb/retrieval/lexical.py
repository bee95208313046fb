"""Word-matching retrieval: the control that every learned retriever has to beat."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.config import AtLeast, Between, Part, UsageError
from jaxemb.runtime.words import runs


def words(text: str) -> list[str]:
    """Lower-cased runs of letters, with their marks, and digits: "Call read_csv." is call, read, csv.

    Languages written without spaces come out as long runs, which BM25 cannot match.
    """
    return runs(text.lower())


@dataclass(frozen=True, kw_only=True)
class BM25(Part):
    """Okapi BM25 over lower-cased words, without stemming or stop words.

        score(q, d) = Σ_{w in q} idf(w) · f / (f + k1 (1 - b + b |d| / mean |d|))
        idf(w)      = ln(1 + (N - n_w + .5) / (n_w + .5))

    where `f` counts `w` in `d`, `n_w` the documents that hold `w`, and `N` all documents. A word
    that stands twice in the query counts twice.

    Example:
        >>> index = BM25().index(["reads a table", "draws a picture"])
        >>> ids, scores = index.search(["draw, or draws?"], k=1)
        >>> ids.tolist()
        [[1]]

    Reference: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond
    (2009), in Lucene's form; computed by the bm25s library (arXiv:2407.03618).
    """

    k1: Annotated[float, AtLeast(0)] = 1.2
    b: Annotated[float, Between(0, 1)] = 0.75

    def index(self, documents: Sequence[str]) -> "LexicalIndex":
        """An index over the documents, numbered in their order.

        Raises:
            UsageError: if there is no document, or no document holds a word.
        """
        import bm25s  # here: importing it starts JAX's back end

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for every detail of its own
        tokens = [words(document) for document in documents]
        if not any(tokens):
            raise UsageError(f"BM25 needs words to index; none in the {len(tokens)} documents")
        engine = bm25s.BM25(k1=self.k1, b=self.b, method="lucene", backend="numpy")
        engine.index(tokens, show_progress=False)
        return LexicalIndex(engine, len(tokens))


class LexicalIndex:
    """Documents ready for word search; made by `BM25.index`."""

    def __init__(self, engine: Any, size: int):
        self._engine = engine
        self.size = size

    def scores(self, query: str) -> Float32[np.ndarray, " documents"]:
        """The score of every document; all zero where no word of the query is known."""
        known = [word for word in words(query) if word in self._engine.vocab_dict]
        if not known:
            return np.zeros(self.size, np.float32)
        return np.asarray(self._engine.get_scores(known), np.float32)[: self.size]

    def search(
        self, queries: Sequence[str], k: int
    ) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
        """The `best = min(k, documents)` documents of every query, best first, ties by number."""
        best = min(k, self.size)
        ids = np.zeros((len(queries), best), np.int32)
        scores = np.zeros((len(queries), best), np.float32)
        for row, query in enumerate(queries):
            all_scores = self.scores(query)
            ids[row] = _largest(all_scores, best)
            scores[row] = all_scores[ids[row]]
        return ids, scores


def _largest(scores: Float32[np.ndarray, " documents"], k: int) -> np.ndarray:
    """Places of the `k` largest, largest first, the lower place first in a tie.

    Partitioning alone would keep an arbitrary few of those tied at the cut; all of them are kept
    until the stable sort.
    """
    if k < len(scores):
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= cut)
    else:
        candidates = np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")[:k]
    return candidates[order]
