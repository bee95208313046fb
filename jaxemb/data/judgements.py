"""Judgements without texts: which of some documents answer which of some queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool

from jaxemb.config import AtLeast, UsageError, fingerprint
from jaxemb.data.base import Batches, Dataset
from jaxemb.text import TextBatch


@dataclass(frozen=True, kw_only=True)
class Judgements(Dataset):
    """Numbered queries and documents, each a text of one token; every batch is all of them.

    A row is one copy of the whole. No two copies share a token, so that `copies` sets of vectors
    are trained side by side: query `q` of copy `c` has the id `q · copies + c`. Queries and
    documents are padded to few sizes, so that neighbouring ones share a program.

    Columns `query` `[copies, queries]` and `document` `[copies, documents]` (one token each) and
    `relevant` `[copies, queries, documents]`.

    Attributes:
        relevant: for each query, the numbers of the documents that answer it.
        documents: how many there are.
        copies: rows of a batch.

    Raises:
        UsageError: there are no judgements, a document is out of range, or `copies` is below 1.

    Example:
        >>> data = Judgements(relevant=((0, 1), (1, 2)), documents=3)
        >>> next(data.batches(None, seed=0))["relevant"].shape
        (1, 8, 8)
    """

    relevant: tuple[tuple[int, ...], ...]
    documents: Annotated[int, AtLeast(1)]
    copies: Annotated[int, AtLeast(1)] = 1

    def __post_init__(self) -> None:
        named = [document for own in self.relevant for document in own]
        if not named or min(named) < 0 or max(named) >= self.documents:
            raise UsageError(
                f"Judgements need relevant documents, numbered below documents={self.documents}."
            )
        if self.copies < 1:
            raise UsageError(f"copies={self.copies} must be at least 1.")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "document", "relevant")

    @property
    def real(self) -> dict[str, int]:
        """How many queries and documents a copy has, by column."""
        return {"query": len(self.relevant), "document": self.documents}

    @property
    def sizes(self) -> dict[str, int]:
        """The same with padding."""
        return {name: _padded(count) for name, count in self.real.items()}

    def __len__(self) -> int:
        return self.copies

    def texts(self) -> Iterator[str]:
        """There are no texts."""
        return iter(())

    def matrix(self) -> Bool[np.ndarray, "queries documents"]:
        """The judgements of one copy, with padding."""
        found = np.zeros(tuple(self.sizes.values()), bool)
        for query, own in enumerate(self.relevant):
            found[query, list(own)] = True
        return found

    def batches(self, model: Any, *, seed: int) -> "OneBatch":
        """The same batch for ever; nothing is drawn."""
        batch = {name: self._numbered(name, count) for name, count in self.real.items()}
        return OneBatch(batch | {"relevant": np.tile(self.matrix(), (self.copies, 1, 1))})

    def _numbered(self, name: str, real: int) -> TextBatch:
        places = np.arange(self.sizes[name], dtype=np.int32)
        ids = places * self.copies + np.arange(self.copies, dtype=np.int32)[:, None]
        mask = np.broadcast_to(places < real, ids.shape)
        return TextBatch(ids[..., None], np.ascontiguousarray(mask)[..., None])

    def fingerprint(self) -> str:
        return fingerprint(self)


class OneBatch(Batches):
    """One batch, again and again."""

    def __init__(self, batch: dict[str, Any]):
        self.batch = batch

    def __next__(self) -> dict[str, Any]:
        return self.batch

    def get_state(self) -> dict[str, Any]:
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """There is no other place to be at."""


def _padded(size: int) -> int:
    """8, 12, 16, 24, 32, 48, ...: powers of two and the points half-way."""
    power = max(8, 1 << (size - 1).bit_length())
    half_way = power - power // 4
    return half_way if max(size, 9) <= half_way else power
