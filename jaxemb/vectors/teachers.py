"""Data with a teacher's vectors or scores beside the texts."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import ExampleData, Extending, Pairs
from jaxemb.model import Embedding, Start
from jaxemb.vectors.store import EmbeddingStore


@dataclass(frozen=True, kw_only=True)
class Taught(Extending):
    """The inner pairs, with what a teacher makes of their texts, kept on disk by text.

    Adds `<column>_teacher` `[dim]` for each text column, `[k, dim]` for negatives, and
    `teacher_score`, the teacher's cosine of query and positive.

    Args:
        inner: gives the texts.
        teacher: whose vectors; scored as it starts.
        of: the columns of texts that the teacher reads.

    Raises:
        UsageError: a column that the inner data does not have.

    Example:
        >>> Taught(teacher=Pretrained("all-MiniLM-L6-v2")).columns[-2:]  # doctest: +SKIP
        ('positive_teacher', 'teacher_score')
    """

    inner: ExampleData = Pairs()
    teacher: Start
    of: tuple[str, ...] = ("query", "positive")

    def __post_init__(self) -> None:
        for name in self.of:
            if name not in self.inner.columns:
                raise UsageError(
                    f"Taught reads the column {name!r}; the inner data has "
                    f"{', '.join(self.inner.columns)}."
                )

    @property
    def columns(self) -> tuple[str, ...]:
        score = ("teacher_score",) if {"query", "positive"} <= set(self.of) else ()
        return (*self.inner.columns, *(f"{name}_teacher" for name in self.of), *score)

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples = self.inner.examples_for(model)
        embed = EmbeddingStore(Embedding(self.teacher.start(jax.random.key(0))), name="teacher")
        found = {name: _vectors(embed, [e[name] for e in examples], name) for name in self.of}
        extended = []
        for row, example in enumerate(examples):
            taught = {f"{name}_teacher": found[name][row] for name in self.of}
            if "teacher_score" in self.columns:
                taught["teacher_score"] = float(found["query"][row] @ found["positive"][row])
            extended.append({**example, **taught})
        return extended

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint(), self.teacher.fingerprint()])


@dataclass(frozen=True, kw_only=True)
class TaughtScores(Extending):
    """The inner examples with a teacher's score of each document: `score` `[1 + k]`.

    The first is of the positive, the others of the negatives, if there are some. What the teacher
    makes of a text is kept on disk by text.

    Args:
        inner: gives the texts.
        teacher: whose scores, as it compares its vectors; asked as it starts.

    Example:
        >>> TaughtScores(inner=MinedOnce(count=7), teacher=Pretrained("all-MiniLM-L6-v2"))

    Reference: for the loss that reads them, `ScoreDistillation`: Wang et al., Text Embeddings by
    Weakly-Supervised Contrastive Pre-training, arXiv:2212.03533.
    """

    inner: ExampleData = Pairs()
    teacher: Start

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "score")

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples = self.inner.examples_for(model)
        embed = EmbeddingStore(Embedding(self.teacher.start(jax.random.key(0))), name="teacher")
        queries = _vectors(embed, [example["query"] for example in examples], "query")
        lists = [(example["positive"], *example.get("negatives", ())) for example in examples]
        documents = _vectors(embed, lists, "documents")
        paired = embed.similarity.paired
        return [
            {**example, "score": np.asarray(paired(query[None], own[None]))[0].tolist()}
            for example, query, own in zip(examples, queries, documents, strict=True)
        ]

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint(), self.teacher.fingerprint()])


def _vectors(embed: EmbeddingStore, texts: list[Any], column: str) -> list[np.ndarray]:
    """A vector for each text, or rows of them where an example has several texts."""
    role = "query" if column == "query" else "document"
    counts = [len(text) if isinstance(text, tuple) else 1 for text in texts]
    flat = [one for text in texts for one in (text if isinstance(text, tuple) else (text,))]
    parts = np.split(np.asarray(embed(flat, role)), np.cumsum(counts)[:-1])
    return [
        part if isinstance(text, tuple) else part[0]
        for part, text in zip(parts, texts, strict=True)
    ]
