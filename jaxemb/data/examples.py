"""Examples of records: their texts, their numbers and where they come from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jaxemb.data.base import MissingField
from jaxemb.data.duplicates import normalise
from jaxemb.data.fields import Record
from jaxemb.runtime.words import runs

DOCUMENT = ("summary", "body")


def document(record: Record, fields: Sequence[str] = DOCUMENT, position: int = 0) -> str:
    """Some fields of a record as one text: those that are not empty, one per line.

    Raises:
        UsageError: the record has none of the fields; `position` is its place, from 0.

    Example:
        >>> document({"summary": "Sort.", "body": ""})
        'Sort.'
    """
    if not any(field in record for field in fields):
        raise MissingField(record, " or ".join(map(repr, fields)), position)
    return "\n".join(str(record[field]) for field in fields if record.get(field))


@dataclass(frozen=True)
class DocumentRows:
    """Some fields of each record as one text, as an example by itself: what `Texts` has."""

    fields: tuple[str, ...] = DOCUMENT

    @property
    def roles(self) -> tuple[str, ...]:
        return ("query",)

    def example(self, record: Record, position: int) -> Record:
        return {"query": document(record, self.fields, position)}


def numbered(examples: list[Record], *roles: str) -> list[Record]:
    """Add `<role>_id` to the examples: equal texts have equal numbers, across roles too.

    Example:
        >>> numbered([{"query": "Sort"}, {"query": "sort "}], "query")[1]["query_id"]
        0
    """
    seen: dict[str, int] = {}

    def number(text: str | tuple[str, ...]) -> int | tuple[int, ...]:
        if isinstance(text, tuple):
            return tuple(map(number, text))
        return seen.setdefault(normalise(text), len(seen))

    for example in examples:
        example.update({f"{role}_id": number(example[role]) for role in roles})
    return examples


def pairs(found: Iterable[tuple[Record, str, str]]) -> list[Record]:
    """Examples of a query and a positive text, where both are there and differ."""
    examples = numbered(
        [
            {"query": query, "positive": positive, **provenance(record)}
            for record, query, positive in found
            if query and positive
        ],
        "query",
        "positive",
    )
    return [example for example in examples if example["query_id"] != example["positive_id"]]


def provenance(record: Record) -> Record:
    """Where an example comes from: its group and the name of its record."""
    return {"group": record.get("module", ""), "name": record.get("name", "")}


def lexical_overlap(examples: Iterable[Record]) -> float:
    """Mean share of a query's distinct words that its positive has too, 0 to 1.

    Example:
        >>> lexical_overlap([{"query": "sort a list", "positive": "A stable sort."}])
        0.6666666666666666
    """
    shares = []
    for example in examples:
        words = set(runs(example["query"].casefold(), r"\w"))
        if words:
            both = words & set(runs(example["positive"].casefold(), r"\w"))
            shares.append(len(both) / len(words))
    return sum(shares) / len(shares) if shares else 0.0
