"""Pairs and triplets of labelled texts: alike are those of one class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.data.base import View
from jaxemb.data.views import Labels, numbered


@dataclass(frozen=True, kw_only=True)
class ClassPairs(View):
    """A text, another one of its class, and `count` of other classes: `query`, `positive`, `negatives`.

    For tasks of classes in a mixture of contrastive tasks. The texts of a class follow each other in
    a circle of random order, so that each is a query once and a positive once; classes of one text
    are left out. Negatives are drawn from other classes, none twice for a text. `family` is the number
    of the class: with `InfoNCE(candidates=OtherFamily())` no text of the own class is a negative of
    the batch.

    Args:
        inner: texts as `query` with their `label`.
        count: negatives of each text.
        seed: of what is drawn.

    Raises:
        UsageError: the inner view has no labels; when called, if there is no class of two texts or a
            text has fewer than `count` texts of other classes.

    Example:
        >>> records = [{"text": t, "kind": k} for t, k in zip("abcd", "xxyy", strict=True)]
        >>> pairs = ClassPairs(inner=Labels(field="kind", fields=("text",)))(records)
        >>> sorted((e["query"], e["positive"]) for e in pairs)
        [('a', 'b'), ('b', 'a'), ('c', 'd'), ('d', 'c')]

    Reference: KaLM-Embedding-V2, arXiv:2506.20923 (for classification data as pairs).
    """

    inner: View = Labels()
    count: Annotated[int, AtLeast(1)] = 1
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)
        if "label" not in self.inner.columns:
            raise UsageError(
                f"ClassPairs reads the column 'label'; the inner view has "
                f"{', '.join(self.inner.columns)}."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        texts = ("query", "positive", "negatives")
        return (*texts, *(f"{name}_id" for name in texts), "family")

    def __call__(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        texts = self.inner(records)
        draw = np.random.default_rng(self.seed)
        labels = np.array([text["label"] for text in texts], np.int64)
        found = []
        for label in np.unique(labels):
            own, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
            if len(own) < 2:
                continue
            self._check(others, label)
            order = draw.permutation(own)
            for place, partner in zip(order.tolist(), np.roll(order, -1).tolist(), strict=True):
                chosen = draw.choice(others, self.count, replace=False)
                found.append(self._example(texts, place, partner, chosen.tolist()))
        if not found:
            raise UsageError("no class has two texts")
        return numbered(found, "query", "positive", "negatives")

    def _example(
        self, texts: list[dict[str, Any]], place: int, partner: int, chosen: list[int]
    ) -> dict[str, Any]:
        kept = {k: v for k, v in texts[place].items() if k not in ("label", "query_id")}
        return {
            **kept,
            "positive": texts[partner]["query"],
            "negatives": tuple(texts[other]["query"] for other in chosen),
            "family": texts[place]["label"],
        }

    def _check(self, others: np.ndarray, label: int) -> None:
        if len(others) < self.count:
            raise UsageError(
                f"class {label} has only {len(others)} texts of other classes, count={self.count}"
            )
