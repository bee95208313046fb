"""The graph of links between records, and the pairs and triplets that it gives.

A record's `links` are the names of the records that it refers to. Links out of the records at hand
are left out, so no split sees the records of another.
"""

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, Between, Part, check_ranges
from jaxemb.data.base import View
from jaxemb.data.examples import DOCUMENT, document, numbered, pairs, provenance
from jaxemb.data.fields import Record

Places = list[list[int]]
"""For every record, the places of others, in ascending order."""


def cited(records: Sequence[Record]) -> Places:
    """For every record, the places of those that it refers to.

    Example:
        >>> cited([{"name": "a", "links": ("b", "x")}, {"name": "b", "links": ()}])
        [[1], []]
    """
    at = {record.get("name"): place for place, record in enumerate(records)}
    return [
        sorted({at[name] for name in record.get("links", ()) if name in at} - {place})
        for place, record in enumerate(records)
    ]


def neighbours(records: Sequence[Record]) -> Places:
    """For every record, the places of those that it refers to or that refer to it.

    Example:
        >>> neighbours([{"name": "a", "links": ("b",)}, {"name": "b", "links": ()}])
        [[1], [0]]
    """
    forward = cited(records)
    both = [set(own) for own in forward]
    for place, own in enumerate(forward):
        for other in own:
            both[other].add(place)
    return [sorted(own) for own in both]


@dataclass(frozen=True, kw_only=True)
class Relation(Part, abc.ABC):
    """Slot: which records are related, `records -> places`."""

    @abc.abstractmethod
    def __call__(self, records: Sequence[Record]) -> Places:
        """For every record, the places of those that are related to it."""


@dataclass(frozen=True, kw_only=True)
class Linked(Relation):
    """A link joins the two, either way: a text and its reply, a paper and one that it cites.

    Example:
        >>> Linked()([{"name": "a", "links": ("b",)}, {"name": "b", "links": ()}])
        [[1], [0]]
    """

    def __call__(self, records: Sequence[Record]) -> Places:
        return neighbours(records)


@dataclass(frozen=True, kw_only=True)
class LinkedTogether(Relation):
    """A third record refers to both: two replies to one text, two papers that one paper cites.

    Example:
        >>> records = [{"name": "a", "links": ("b", "c")}, {"name": "b"}, {"name": "c"}]
        >>> LinkedTogether()(records)
        [[], [2], [1]]

    Reference: Small, Co-citation in the scientific literature, 1973.
    """

    def __call__(self, records: Sequence[Record]) -> Places:
        together: list[set[int]] = [set() for _ in records]
        for own in cited(records):
            for place in own:
                together[place].update(own)
        return [sorted(others - {place}) for place, others in enumerate(together)]


@dataclass(frozen=True, kw_only=True)
class RelatedTexts(View):
    """A record's text → the texts of at most `each` records that are related to it, at random.

    Raises:
        UsageError: `each` is below 1; a record has none of the fields.

    Example:
        >>> a = {"name": "a", "summary": "Sort a list.", "links": ("b",)}
        >>> b = {"name": "b", "summary": "Sorted?", "links": ()}
        >>> [(p["query"], p["positive"]) for p in RelatedTexts()([a, b])]
        [('Sort a list.', 'Sorted?'), ('Sorted?', 'Sort a list.')]

    Reference: Di Giovanni and Brambilla, Exploiting Twitter as Source of Large Corpora of Weakly
    Similar Pairs for Semantic Sentence Embeddings, EMNLP 2021.
    """

    relation: Relation = Linked()
    fields: tuple[str, ...] = DOCUMENT
    each: Annotated[int, AtLeast(1)] = 1
    seed: Annotated[int, AtLeast(0)] = 0

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "query_id", "positive_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return pairs(
            (records[place], document(records[place], self.fields), self._text(records, other))
            for place, others in enumerate(self.relation(records))
            for other in self._drawn(place, others)
        )

    def _drawn(self, place: int, others: list[int]) -> list[int]:
        draw = np.random.default_rng((self.seed, place))
        return draw.permutation(others).tolist()[: self.each]

    def _text(self, records: Sequence[Record], place: int) -> str:
        return document(records[place], self.fields, place)


@dataclass(frozen=True, kw_only=True)
class CitationTriplets(View):
    """A record, one that it cites, and one that it does not: `query`, `positive`, `negatives`.

    Every record that cites another gives `each` triplets. A share `hard` of the negatives are cited
    by what it cites and not by itself: near, but further than the positive. The others are joined to
    it by no path of one or two links. A record without such near ones gets others in their place.

    Raises:
        UsageError: `each` is below 1, or `hard` is no share.

    Example:
        >>> CitationTriplets(hard=0.0).columns
        ('query', 'positive', 'negatives', 'query_id', 'positive_id', 'negatives_id')

    Reference: Cohan et al., SPECTER, arXiv:2004.07180, section 2.3.
    """

    fields: tuple[str, ...] = DOCUMENT
    each: Annotated[int, AtLeast(1)] = 5
    hard: Annotated[float, Between(0, 1)] = 0.3
    seed: Annotated[int, AtLeast(0)] = 0

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "negatives", "query_id", "positive_id", "negatives_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = [
            {
                "query": document(records[one], self.fields, one),
                "positive": document(records[two], self.fields, two),
                "negatives": (document(records[three], self.fields, three),),
                **provenance(records[one]),
            }
            for one, two, three in self.places(records)
        ]
        return numbered(examples, "query", "positive", "negatives")

    def places(self, records: Sequence[Record]) -> Iterator[tuple[int, int, int]]:
        """The places of each triplet's records: the citing one, the cited one, the other one."""
        forward, joined = cited(records), neighbours(records)
        for place, own in enumerate(forward):
            draw = np.random.default_rng((self.seed, place))
            known = {place, *joined[place]}
            further = sorted({c for b in own for c in forward[b]} - known)
            near = {c for b in joined[place] for c in joined[b]}
            for _ in range(self.each if own else 0):
                is_hard = further and draw.random() < self.hard
                other = (
                    further[draw.integers(len(further))]
                    if is_hard
                    else _outside(known | near, len(records), draw)
                )
                if other is not None:
                    yield place, own[draw.integers(len(own))], other


def _outside(near: set[int], count: int, draw: np.random.Generator) -> int | None:
    """A place below `count` that is not near; None where all of them are."""
    if len(near) >= count:
        return None
    while (place := int(draw.integers(count))) in near:
        pass
    return place
