"""A text and itself again, or its parts: positives for training without pairs."""

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, Part, check_ranges
from jaxemb.data.base import View
from jaxemb.data.duplicates import normalise
from jaxemb.data.examples import DOCUMENT, document, numbered, provenance
from jaxemb.data.fields import Record


@dataclass(frozen=True, kw_only=True)
class Twins(View):
    """A text → the same text: the network's dropout makes two vectors of it. Each text comes once.

    Example:
        >>> Twins()([{"summary": "Sort a list.", "name": "a"}])[0]["positive"]
        'Sort a list.'

    Reference: Gao et al., SimCSE, arXiv:2104.08821, section 3.
    """

    fields: tuple[str, ...] = DOCUMENT

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "query_id", "positive_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = [
            {"query": text, "positive": text, **provenance(record)}
            for text, record in _once(records, self.fields)
        ]
        return numbered(examples, "query", "positive")


def _once(records: Sequence[Record], fields: Sequence[str]) -> Iterator[tuple[str, Record]]:
    """The different texts of the records, each with the first record that has it."""
    seen = {""}
    for place, record in enumerate(records):
        text = document(record, fields, place)
        if (form := normalise(text)) not in seen:
            seen.add(form)
            yield text, record


@dataclass(frozen=True, kw_only=True)
class Division(Part, abc.ABC):
    """Slot: which two spans of a text's words are its parts."""

    @abc.abstractmethod
    def __call__(self, words: Sequence[str], draw: np.random.Generator) -> tuple[str, str]:
        """Two parts of at least two words; none of them is the whole text."""


def _joined(*parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(part) for part in parts)


def _middle(count: int, draw: np.random.Generator) -> int:
    """A place near the middle: up to a sixth of the words before or after it."""
    reach = count // 6
    return count // 2 + int(draw.integers(-reach, reach + 1))


@dataclass(frozen=True, kw_only=True)
class Bisection(Division):
    """The text cut in two near its middle; every word is in one part.

    Example:
        >>> Bisection()("a b c d".split(), np.random.default_rng(0))
        ('a b', 'c d')
    """

    def __call__(self, words: Sequence[str], draw: np.random.Generator) -> tuple[str, str]:
        cut = _middle(len(words), draw)
        return _joined(words[:cut], words[cut:])


@dataclass(frozen=True, kw_only=True)
class Overlapping(Division):
    """The first and the last two thirds: the middle third is in both parts."""

    def __call__(self, words: Sequence[str], draw: np.random.Generator) -> tuple[str, str]:
        third = len(words) // 3
        return _joined(words[: len(words) - third], words[third:])


@dataclass(frozen=True, kw_only=True)
class Subsuming(Division):
    """All but the last third, and a half of that: the second part lies inside the first."""

    def __call__(self, words: Sequence[str], draw: np.random.Generator) -> tuple[str, str]:
        outer = words[: len(words) - len(words) // 3]
        start = int(draw.integers(len(outer) - len(outer) // 2 + 1))
        return _joined(outer, outer[start : start + len(outer) // 2])


@dataclass(frozen=True, kw_only=True)
class PartsOfText(View):
    """A text → two of its parts: `query`, and a tuple `positive`.

    A loss reads the parts as one by `Composed(inner=..., composer=ItemMean())`. Each
    text comes once; those of fewer than `least` words are left out.

    Raises:
        UsageError: `least` is below 6; a record has none of the fields.

    Example:
        >>> record = {"summary": "Sort a list of numbers in place.", "name": "a"}
        >>> len(PartsOfText()([record])[0]["positive"])
        2

    Reference: Chanchani and Huang, Composition-contrastive Learning for Sentence Embeddings,
    arXiv:2307.07380.
    """

    division: Division = Bisection()
    fields: tuple[str, ...] = DOCUMENT
    least: Annotated[int, AtLeast(6)] = 6
    seed: Annotated[int, AtLeast(0)] = 0

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "query_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        found = []
        for place, (text, record) in enumerate(_once(records, self.fields)):
            if len(words := text.split()) >= self.least:
                draw = np.random.default_rng((self.seed, place))
                parts = self.division(words, draw)
                found.append({"query": text, "positive": parts, **provenance(record)})
        return numbered(found, "query")
