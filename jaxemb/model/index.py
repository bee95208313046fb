"""Texts ready to be searched, as a network compares its vectors."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxemb.losses import Similarity


@dataclasses.dataclass(frozen=True)
class Index:
    """Vectors of documents, and what embeds queries; `search` returns the nearest documents.

    Attributes:
        encode: texts to vectors, in the role of a query.
        vectors: `[documents, dim]`, or an array `[items, dim]` for each document.
        similarity: how they are compared.
    """

    encode: Any
    vectors: Any
    similarity: Similarity

    @property
    def size(self) -> int:
        """How many documents there are."""
        return len(self.vectors)

    def search(self, queries: Sequence[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """`(ids, scores)`, both `[queries, min(k, documents)]`, best first."""
        return self.similarity.top_k(self.encode(list(queries)), self.vectors, k)
