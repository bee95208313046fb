"""Views: which texts of a record, or of two, make an example."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError
from jaxemb.data.base import View
from jaxemb.data.examples import DOCUMENT, document, numbered, pairs, provenance
from jaxemb.data.fields import Record, number_field, text_field, texts_field, value_of, whole_field

_PAIR = ("query", "positive", "query_id", "positive_id")


@dataclass(frozen=True, kw_only=True)
class SummaryToBody(View):
    """Summary → the rest of the same docstring.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable.", "module": "m"}
        >>> SummaryToBody()([record])[0]["positive"]
        'The sort is stable.'
    """

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return pairs((r, r["summary"], r["body"]) for r in records)


@dataclass(frozen=True, kw_only=True)
class SummaryToCode(View):
    """Summary → the object's source code, without its docstring."""

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return pairs((r, r["summary"], r["code"]) for r in records)


@dataclass(frozen=True, kw_only=True)
class Neighbour(View):
    """The documentation of an object → that of the object after it in the same module or class."""

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        following: dict[str, int] = {r["name"]: i for i, r in enumerate(records)}

        def after(position: int, record: Record) -> list[str]:
            found = (n for n in record["neighbours"] if following.get(n, -1) > position)
            return list(found)[:1]

        return _linked(records, after)


@dataclass(frozen=True, kw_only=True)
class Following(View):
    """A text → the text that follows it in the same file, such as a novel's next paragraph.

    `number` is the field that counts the texts of a file; where the next one is in another split,
    there is no pair.

    Raises:
        UsageError: a record lacks a field, or its number is none.

    Example:
        >>> records = [{"i": n, "text": text} for n, text in enumerate(["Who?", "I.", "Why?"])]
        >>> [(e["query"], e["positive"]) for e in Following()(records)]
        [('Who?', 'I.'), ('I.', 'Why?')]

    Reference: Kiros et al., Skip-Thought Vectors, arXiv:1506.06726.
    """

    text: str = "text"
    number: str = "i"

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        placed = [
            (record.get("module", ""), whole_field(record, self.number, i), record)
            for i, record in enumerate(records)
        ]
        at = {(module, number): record for module, number, record in placed}
        return pairs(
            (record, text_field(record, self.text, i), text_field(after, self.text, i))
            for i, (module, number, record) in enumerate(placed)
            if (after := at.get((module, number + 1)))
        )


@dataclass(frozen=True, kw_only=True)
class SeeAlso(View):
    """The documentation of an object → that of each object it links to, in the same split."""

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return _linked(records, lambda _, record: record["links"])


@dataclass(frozen=True, kw_only=True)
class Labels(View):
    """The documentation of an object → the value of a field of it, as a class number.

    `classes` lists the values that are kept, in the order of their numbers; empty: those that
    occur, sorted. Name them where two splits must agree. `fields` are the text.

    Raises:
        UsageError: the records have no such field.
    """

    field: str = "package"
    classes: tuple[str, ...] = ()
    fields: tuple[str, ...] = DOCUMENT

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "query_id", "label")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        values = [str(value_of(r, self.field, i)) for i, r in enumerate(records)]
        order = {value: n for n, value in enumerate(self.classes or sorted(set(values)))}
        examples = [
            {"query": document(r, self.fields, i), "label": order[value], **provenance(r)}
            for i, (r, value) in enumerate(zip(records, values, strict=True))
            if value in order
        ]
        return numbered(examples, "query")


@dataclass(frozen=True, kw_only=True)
class Columns(View):
    """Fields of the records, as they are: which field plays which role.

    For files that users bring. A role without a field (None) is not a column; `negatives` is a
    field that holds a list of texts, equally many in every record.

    Raises:
        UsageError: a record lacks the field, or it is of another type than the role needs.

    Example:
        >>> Columns(query="question", positive="answer").columns
        ('query', 'positive', 'query_id', 'positive_id')
    """

    query: str = "query"
    positive: str | None = "positive"
    negatives: str | None = None
    score: str | None = None
    label: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        texts = [role for role in ("query", "positive", "negatives") if getattr(self, role)]
        values = [role for role in ("score", "label") if getattr(self, role)]
        return (*texts, *(f"{role}_id" for role in texts), *values)

    @functools.cached_property
    def roles(self) -> tuple[str, ...]:
        """The columns that hold texts."""
        return tuple(role for role in ("query", "positive", "negatives") if getattr(self, role))

    @functools.cached_property
    def _readers(self) -> tuple[tuple[str, str, Callable], ...]:
        """Role, field and reader of each column."""
        readers = {
            "query": text_field, "positive": text_field, "negatives": texts_field, "score": number_field,
            "label": whole_field,
        }  # fmt: skip
        found = ((role, getattr(self, role), read) for role, read in readers.items())
        return tuple(one for one in found if one[1])

    def example(self, record: Record, position: int) -> Record:
        """The example of one record, without the numbers of its texts."""
        found = {role: read(record, field, position) for role, field, read in self._readers}
        return found | provenance(record)

    def __call__(self, records: Sequence[Any]) -> Sequence[Any]:
        stored = getattr(records, "examples_of", None)
        if stored is not None:
            return stored(self)
        examples = [self.example(record, i) for i, record in enumerate(records)]
        if len({len(example.get("negatives", ())) for example in examples}) > 1:
            raise UsageError(f"field {self.negatives!r} must hold equally many texts everywhere")
        return numbered(examples, *self.roles)


def _linked(
    records: Sequence[Record], targets: Callable[[int, Record], Iterable[str]]
) -> list[Record]:
    named = {record["name"]: record for record in records}
    return pairs(
        (record, document(record), document(named[name]))
        for i, record in enumerate(records)
        for name in targets(i, record)
        if name in named
    )
