"""Texts ready to be searched, as a network compares its vectors."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxemb.config import UsageError
from jaxemb.losses import Similarity


@runtime_checkable
class Search(Protocol):
    """Vectors ready to be searched, as `Faiss.over` makes them."""

    def search(self, queries: Any, k: int) -> tuple[np.ndarray, np.ndarray]: ...


@dataclasses.dataclass(frozen=True)
class Index:
    """Vectors of documents, and what embeds queries; `search` returns the nearest documents.

    Attributes:
        encode: texts to vectors, in the role of a query.
        vectors: `[documents, dim]`, which may be mapped from disk, or an array `[items, dim]` for
            each document.
        similarity: how they are compared.
        searched: what searches them in the place of `similarity`, which looks at every one.
    """

    encode: Any
    vectors: Any
    similarity: Similarity
    searched: Search | None = None

    @property
    def size(self) -> int:
        """How many documents there are."""
        return len(self.vectors)

    def search(self, queries: Sequence[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """`(ids, scores)`, both `[queries, min(k, documents)]`, best first."""
        vectors = self.encode(list(queries))
        if self.searched is not None:
            return self.searched.search(vectors, k)
        return self.similarity.top_k(vectors, self.vectors, k)

    def by(self, approximate: Any) -> "Index":
        """The same documents, found by an approximate index, such as `Faiss()`.

        Raises:
            UsageError: documents are not compared by the product or the cosine of one vector each;
                what makes the index refuses.

        Example:
            >>> model.index(texts).by(Faiss()).search(["combine lists"], k=1)  # doctest: +SKIP
        """
        if not self.similarity.is_product:
            raise UsageError(
                f"{type(approximate).__name__} finds products and cosines of single vectors, and "
                f"this network compares by {type(self.similarity).__name__}."
            )
        found = approximate.over(self.vectors, unit=self.similarity.ignores_length)
        return dataclasses.replace(self, searched=found)
