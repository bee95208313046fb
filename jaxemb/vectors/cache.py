"""Embeddings kept in memory, so that a text is embedded once whoever asks again."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb.losses import Cosine, Similarity
from jaxemb.model import Index, Model
from jaxemb.text import Chunked

Embed = Callable[[Sequence[str], str], Float32[np.ndarray, "texts width"]]
"""Texts and their role ("query" or "document") to one vector per text, in order."""


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
        self._ways: dict[int, EmbeddingCache] = {}
        self._chunks: dict[tuple, list[np.ndarray]] = {}

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

    def index(self, documents: Sequence[str]) -> Index:
        """The documents, ready to be searched, as the model compares its vectors.

        What says nothing of that is compared by cosine. Texts with several vectors are not kept.
        """
        embed = self._embed if getattr(self._embed, "several", False) else self
        return Index(
            lambda queries: embed(queries, "query"), embed(documents, "document"), self.similarity
        )

    def chunks(self, texts: Sequence[Chunked], **how: Any) -> list[np.ndarray]:
        """A vector for each chunk of each document, in its context, as `Model.chunks` makes them.

        What embeds one text at a time, such as random vectors, reads each chunk alone.
        """
        in_context = getattr(self._embed, "chunks", None)
        if in_context is not None:
            key = (tuple(texts), tuple(sorted(how.items())))
            if key not in self._chunks:
                self._chunks[key] = in_context(texts, **how)
            return self._chunks[key]
        vectors = self([piece for text in texts for piece in text.pieces], "document")
        return np.split(vectors, np.cumsum([len(text.chunks) for text in texts])[:-1])

    @property
    def similarity(self) -> Similarity:
        """How the model compares its vectors; by cosine where nothing is said."""
        return getattr(self._embed, "similarity", Cosine())

    @property
    def model(self) -> Model | None:
        """The model behind the vectors, where there is one."""
        return getattr(self._embed, "model", None)

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
        vectors = self._made(texts, role)
        check_vectors(vectors, texts)
        self._remember(texts, vectors, role)

    def _made(self, texts: list[str], role: str) -> np.ndarray:
        """Vectors from the model; the mean over its ways of writing a text, each cached by itself."""
        ways = getattr(self._embed, "ways", ())
        if not ways:
            return np.asarray(self._embed(texts, role), np.float32)
        for place, way in enumerate(ways):
            self._ways.setdefault(place, self._over(way))
        found = [self._ways[place](texts, role) for place in range(len(ways))]
        return np.asarray(self._embed.mean(found), np.float32)

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
    """Refuses what is not one finite vector per text."""
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts gave vectors of shape {vectors.shape}")
    bad = int(np.sum(~np.isfinite(vectors).all(axis=1)))
    if bad:
        raise FloatingPointError(f"{bad} of {len(texts)} vectors are not finite")
