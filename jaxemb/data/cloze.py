"""Pairs of a sentence and a passage, drawn from pages with sections and links: no labels needed."""

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, check_ranges
from jaxemb.data.base import View
from jaxemb.data.examples import pairs
from jaxemb.data.fields import Record
from jaxemb.data.links import neighbours
from jaxemb.text.sentences import sentences

Draw = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class SentenceToPassage(View, abc.ABC):
    """Base of views that draw a sentence and a passage: `each` pairs for every record that has them.

    A passage is a run of at most `sentences` sentences of the field `body`; runs do not overlap.
    What is drawn depends on `seed` and on the record's place alone.

    Raises:
        UsageError: `sentences` is below 2 or `each` below 1.
    """

    body: str = "body"
    sentences: Annotated[int, AtLeast(2)] = 5
    each: Annotated[int, AtLeast(1)] = 1
    seed: Annotated[int, AtLeast(0)] = 0

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "query_id", "positive_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return pairs(
            (record, *pair)
            for place, record in enumerate(records)
            for pair in self.drawn(place, records, np.random.default_rng((self.seed, place)))
        )

    @abc.abstractmethod
    def drawn(self, place: int, records: Sequence[Record], draw: Draw) -> Iterator[tuple[str, str]]:
        """Pairs of a sentence and a passage for the record at a place."""

    def passages(self, record: Record) -> list[list[str]]:
        """The passages of a record's body, each as its sentences."""
        found = sentences(record.get(self.body) or "")
        return [found[n : n + self.sentences] for n in range(0, len(found), self.sentences)]


@dataclass(frozen=True, kw_only=True)
class InverseCloze(SentenceToPassage):
    """A sentence of a passage → the passage without it: what stands around it.

    Passages of one sentence give nothing, nor do those that hold the sentence a second time.

    Example:
        >>> record = {"body": "It is stable. It is fast.", "summary": "Sort."}
        >>> pair = InverseCloze()([record])[0]
        >>> sorted([pair["query"], pair["positive"]])
        ['It is fast.', 'It is stable.']

    Reference: Lee et al., Latent Retrieval for Weakly Supervised Open Domain Question Answering,
    arXiv:1906.00300; Chang et al., arXiv:2002.03932.
    """

    def drawn(self, place: int, records: Sequence[Record], draw: Draw) -> Iterator[tuple[str, str]]:
        several = [passage for passage in self.passages(records[place]) if len(passage) > 1]
        for _ in range(self.each if several else 0):
            passage = several[draw.integers(len(several))]
            at = int(draw.integers(len(passage)))
            rest = " ".join(passage[:at] + passage[at + 1 :])
            if passage[at] not in rest:
                yield passage[at], rest


@dataclass(frozen=True, kw_only=True)
class BodyFirst(SentenceToPassage):
    """A sentence of a page's opening section, the field `lead` → a passage of its body.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable. It is fast."}
        >>> BodyFirst()([record])[0]["query"]
        'Sort a list.'

    Reference: Chang et al., Pre-training Tasks for Embedding-based Large-scale Retrieval,
    arXiv:2002.03932.
    """

    lead: str = "summary"

    def drawn(self, place: int, records: Sequence[Record], draw: Draw) -> Iterator[tuple[str, str]]:
        yield from self._pairs(records[place], [records[place]], draw)

    def _pairs(
        self, record: Record, pages: Sequence[Record], draw: Draw
    ) -> Iterator[tuple[str, str]]:
        opening = sentences(record.get(self.lead) or "")
        found = [passage for page in pages for passage in self.passages(page)]
        for _ in range(self.each if opening and found else 0):
            passage = found[draw.integers(len(found))]
            yield opening[draw.integers(len(opening))], " ".join(passage)


@dataclass(frozen=True, kw_only=True)
class LinkedPassage(BodyFirst):
    """A sentence of a page's opening section → a passage of another page that a link joins to it.

    The link may go either way; both pages are of the records at hand.

    Example:
        >>> a = {"name": "a", "summary": "Sort a list.", "body": "", "links": ("b",)}
        >>> b = {"name": "b", "summary": "Sorted?", "body": "Check the order.", "links": ()}
        >>> [(p["query"], p["positive"]) for p in LinkedPassage()([a, b])]
        [('Sort a list.', 'Check the order.')]

    Reference: Chang et al., Pre-training Tasks for Embedding-based Large-scale Retrieval,
    arXiv:2002.03932.
    """

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        joined = neighbours(records)
        return pairs(
            (record, *pair)
            for place, record in enumerate(records)
            for pair in self._pairs(
                record,
                [records[other] for other in joined[place]],
                np.random.default_rng((self.seed, place)),
            )
        )


@dataclass(frozen=True, kw_only=True)
class NextPassage(SentenceToPassage):
    """A passage → the one after it on the same page: the neighbouring pieces of a text.

    Example:
        >>> record = {"body": "One. Two. Three. Four.", "name": "a"}
        >>> [(p["query"], p["positive"]) for p in NextPassage(sentences=2)([record])]
        [('One. Two.', 'Three. Four.')]

    Reference: Neelakantan et al., Text and Code Embeddings by Contrastive Pre-Training,
    arXiv:2201.10005.
    """

    def drawn(self, place: int, records: Sequence[Record], draw: Draw) -> Iterator[tuple[str, str]]:
        passages = [" ".join(passage) for passage in self.passages(records[place])]
        for at in draw.permutation(len(passages) - 1)[: self.each] if passages else ():
            yield passages[at], passages[at + 1]
