"""Pairs of texts of which one implies, denies or does neither: labels, and the triplets they make."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jaxemb.config import UsageError, fingerprint
from jaxemb.data.base import Source, View
from jaxemb.data.examples import numbered, provenance
from jaxemb.data.fields import text_field
from jaxemb.data.pydocs import PyDocs

Record = dict[str, Any]

_CLAUSE = re.compile(r"\s(?:if|when|using|from|that|which|with|in|on|by|as|for|and|or)\s|[,;:(]")
_OPPOSITES = (
    ("first", "last"), ("true", "false"), ("minimum", "maximum"), ("left", "right"),
    ("start", "end"), ("lower", "upper"), ("read", "write"), ("open", "close"), ("add", "remove"),
    ("get", "set"), ("before", "after"), ("smallest", "largest"), ("encode", "decode"),
    ("rows", "columns"), ("row", "column"), ("input", "output"), ("less", "greater"),
    ("real", "imaginary"), ("forward", "backward"), ("load", "save"), ("next", "previous"),
    ("positive", "negative"), ("ascending", "descending"), ("old", "new"), ("push", "pop"),
    ("all", "no"), ("horizontal", "vertical"), ("enable", "disable"), ("server", "client"),
)  # fmt: skip
_OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}


@dataclass(frozen=True, kw_only=True)
class PyDocsEntailment(Source):
    """Labelled pairs of sentences made by rule from summaries of pydocs.

    A record has `premise`, `hypothesis` and `label`. The premise is a summary. Its main clause is
    implied (`entailment`); the main clause with one word turned into its opposite, such as *first*
    into *last*, is denied (`contradiction`); the main clause of another object of the same module is
    neither (`neutral`). A stand-in for human judgements where none are at hand: rules leave traces
    that a person would not.

    Example:
        >>> PyDocsEntailment().records("dev")[0]["label"]  # doctest: +SKIP
        'entailment'
    """

    source: Source = PyDocs()

    def records(self, split: str) -> Sequence[Record]:
        return _judged(self.source, split)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])


@lru_cache(maxsize=4)
def _judged(source: Source, split: str) -> tuple[Record, ...]:
    clauses: dict[str, list[tuple[Record, str]]] = defaultdict(list)
    for record in source.records(split):
        if main := _main_clause(record["summary"]):
            clauses[record["module"]].append((record, main))
    return tuple(pair for members in clauses.values() for pair in _of_module(members))


def _of_module(members: list[tuple[Record, str]]) -> Iterator[Record]:
    for place, (record, main) in enumerate(members):
        yield _pair(record, main, "entailment")
        if denied := _opposite(main):
            yield _pair(record, denied, "contradiction")
        other = members[(place + 1) % len(members)][1]
        if other.casefold() != main.casefold():
            yield _pair(record, other, "neutral")


def _pair(record: Record, hypothesis: str, label: str) -> Record:
    return {
        "premise": record["summary"],
        "hypothesis": hypothesis,
        "label": label,
        "module": record["module"],
        "name": record["name"],
    }


def _main_clause(summary: str) -> str | None:
    """The words before the first phrase that narrows them; None where fewer than three are left."""
    found = _CLAUSE.search(summary)
    main = summary[: found.start()].strip() if found else ""
    return f"{main}." if len(main.split()) >= 3 else None


def _opposite(sentence: str) -> str | None:
    """The sentence with its first word that has an opposite turned into it."""
    for word in sentence.rstrip(".").split():
        other = _OPPOSITE.get(word.casefold())
        if other:
            written = other.capitalize() if word[0].isupper() else other
            return re.sub(rf"\b{re.escape(word)}\b", written, sentence, count=1)
    return None


@dataclass(frozen=True, kw_only=True)
class LabelledPairs(View):
    """Two texts of a record and the number of their class, for losses that read `label`.

    `classes` lists the labels that are kept, in the order of their numbers; records of other labels
    are left out.

    Raises:
        UsageError: fewer than two classes; a record lacks a field.

    Example:
        >>> record = {"premise": "A man runs.", "hypothesis": "A man moves.", "label": "entailment"}
        >>> LabelledPairs()([record])[0]["label"]
        0
    """

    first: str = "premise"
    second: str = "hypothesis"
    label: str = "label"
    classes: tuple[str, ...] = ("entailment", "neutral", "contradiction")

    def __post_init__(self) -> None:
        if len(set(self.classes)) < 2:
            raise UsageError(f"classes={self.classes} must name at least two classes")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "label")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        number = {name: n for n, name in enumerate(self.classes)}
        return [
            {
                "query": text_field(record, self.first, i),
                "positive": text_field(record, self.second, i),
                "label": number[name],
                **provenance(record),
            }
            for i, record in enumerate(records)
            if (name := text_field(record, self.label, i)) in number
        ]


@dataclass(frozen=True, kw_only=True)
class GradedLabels(View):
    """Two texts of a record and a grade for its label, for losses that read `score`.

    Records of labels without a grade are left out.

    Raises:
        UsageError: a record lacks a field.

    Example:
        >>> record = {"premise": "A man runs.", "hypothesis": "A man moves.", "label": "entailment"}
        >>> GradedLabels()([record])[0]["score"]
        5.0
    """

    first: str = "premise"
    second: str = "hypothesis"
    label: str = "label"
    grades: tuple[tuple[str, float], ...] = (
        ("entailment", 5.0),
        ("neutral", 2.5),
        ("contradiction", 0.0),
    )

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "score")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        grades = dict(self.grades)
        return [
            {
                "query": text_field(record, self.first, i),
                "positive": text_field(record, self.second, i),
                "score": grades[name],
                **provenance(record),
            }
            for i, record in enumerate(records)
            if (name := text_field(record, self.label, i)) in grades
        ]


@dataclass(frozen=True, kw_only=True)
class EntailmentTriplets(View):
    """A premise, a text that it implies, and one that it denies: `query`, `positive`, `negatives`.

    A premise with several hypotheses of both kinds gives as many triplets as the smaller kind has.
    Premises that lack one of the two are left out.

    Reference: Gao et al., SimCSE, arXiv:2104.08821, section 4.

    Raises:
        UsageError: a record lacks a field.

    Example:
        >>> EntailmentTriplets().columns
        ('query', 'positive', 'negatives', 'query_id', 'positive_id', 'negatives_id')
    """

    match: str = "entailment"
    other: str = "contradiction"

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "negatives", "query_id", "positive_id", "negatives_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        kinds: dict[str, tuple[list[Record], list[Record]]] = {}
        for i, record in enumerate(records):
            premise, label = (text_field(record, name, i) for name in ("premise", "label"))
            if label in (self.match, self.other):
                kinds.setdefault(premise, ([], []))[label == self.other].append(record)
        examples = [
            {
                "query": premise,
                "positive": text_field(implied, "hypothesis", i),
                "negatives": (text_field(denied, "hypothesis", i),),
                **provenance(implied),
            }
            for i, (premise, both) in enumerate(kinds.items())
            for implied, denied in zip(*both, strict=False)
        ]
        return numbered(examples, "query", "positive", "negatives")
