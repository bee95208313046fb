"""Views: which texts of a record, or of two, make an example."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError
from jaxemb.data.base import View
from jaxemb.data.duplicates import normalise, numbers

_PAIR = ("query", "positive", "query_id", "positive_id")
Record = dict[str, Any]


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
        return _pairs((r, r["summary"], r["body"]) for r in records)


@dataclass(frozen=True, kw_only=True)
class SummaryToCode(View):
    """Summary → the object's source code, without its docstring."""

    @property
    def columns(self) -> tuple[str, ...]:
        return _PAIR

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return _pairs((r, r["summary"], r["code"]) for r in records)


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
    occur, sorted. Name them where two splits must agree.

    Raises:
        UsageError: the records have no such field.
    """

    field: str = "package"
    classes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "query_id", "label")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        values = [str(_field(r, self.field, i)) for i, r in enumerate(records)]
        order = {value: n for n, value in enumerate(self.classes or sorted(set(values)))}
        examples = [
            {"query": document(r), "label": order[value], **_provenance(r)}
            for r, value in zip(records, values, strict=True)
            if value in order
        ]
        return _numbered(examples, "query")


@dataclass(frozen=True, kw_only=True)
class Columns(View):
    """Fields of the records, as they are: which field plays which role.

    For files that users bring. A role without a field (None) is not a column.

    Raises:
        UsageError: a record lacks the field, or a label or score is not a number.

    Example:
        >>> Columns(query="question", positive="answer").columns
        ('query', 'positive', 'query_id', 'positive_id')
    """

    query: str = "query"
    positive: str | None = "positive"
    score: str | None = None
    label: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        texts = tuple(role for role in ("query", "positive") if getattr(self, role))
        values = tuple(role for role in ("score", "label") if getattr(self, role))
        return (*texts, *(f"{role}_id" for role in texts), *values)

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        texts = [role for role in ("query", "positive") if getattr(self, role)]
        examples = []
        for i, record in enumerate(records):
            example = {role: str(_field(record, getattr(self, role), i)) for role in texts}
            if self.score:
                example["score"] = _number(record, self.score, i)
            if self.label:
                example["label"] = int(_number(record, self.label, i))
            examples.append({**example, **_provenance(record)})
        return _numbered(examples, *texts)


# --- wrappers


@dataclass(frozen=True, kw_only=True)
class NameRemoved(View):
    """The inner view over records from whose texts the object's own name is removed.

    Without it a query can often be answered by matching one rare word.
    """

    inner: View = SummaryToBody()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return self.inner([_without_name(record) for record in records])


@dataclass(frozen=True, kw_only=True)
class ShuffledPositives(View):
    """The inner view with the positives dealt out at random: a control that nothing can learn."""

    inner: View = SummaryToBody()
    seed: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        import numpy as np

        examples = self.inner(records)
        order = np.random.default_rng(self.seed).permutation(len(examples)).tolist()
        moved = [{k: examples[j][k] for k in ("positive", "positive_id")} for j in order]
        return [{**example, **other} for example, other in zip(examples, moved, strict=True)]


@dataclass(frozen=True, kw_only=True)
class HardNegatives(View):
    """The inner view with `count` negatives an example: positives that stand near it.

    They are taken from the same group (module) in order of distance, then from the examples that
    follow; never one whose text equals the example's query or positive, nor any positive of an
    equal query.

    Raises:
        UsageError: there are fewer than `count` other texts.
    """

    inner: View = SummaryToBody()
    count: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives", "negatives_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = self.inner(records)
        groups: dict[str, list[int]] = {}
        for i, example in enumerate(examples):
            groups.setdefault(example["group"], []).append(i)
        places = {i: place for group in groups.values() for place, i in enumerate(group)}
        known: dict[int, set[int]] = {}
        for example in examples:
            known.setdefault(example["query_id"], set()).add(example["positive_id"])
        return [
            {**example, **self._negatives(i, examples, groups[example["group"]], places[i], known)}
            for i, example in enumerate(examples)
        ]

    def _negatives(
        self,
        i: int,
        examples: list[Record],
        group: list[int],
        place: int,
        known: dict[int, set[int]],
    ) -> Record:
        near = sorted(range(len(group)), key=lambda other: abs(other - place))
        order = [group[other] for other in near] if len(group) > 1 else []
        far = (j % len(examples) for j in range(i + 1, i + len(examples)))
        query = examples[i]["query_id"]
        seen = {query, *known[query]}
        found: list[Record] = []
        for j in _chain(order, far):
            if len(found) == self.count:
                break
            if examples[j]["positive_id"] not in seen:
                seen.add(examples[j]["positive_id"])
                found.append(examples[j])
        if len(found) < self.count:
            raise UsageError(
                f"there are only {len(found)} other texts to be negatives, count={self.count}"
            )
        return {
            "negatives": tuple(example["positive"] for example in found),
            "negatives_id": tuple(example["positive_id"] for example in found),
        }


# --- what views share


def document(record: Record) -> str:
    """The documentation of a record as one text: summary and body."""
    return f"{record['summary']}\n{record['body']}" if record["body"] else record["summary"]


def lexical_overlap(examples: Iterable[Record]) -> float:
    """Mean share of a query's distinct words that its positive has too, 0 to 1.

    Example:
        >>> lexical_overlap([{"query": "sort a list", "positive": "A stable sort."}])
        0.6666666666666666
    """
    shares = []
    for example in examples:
        words = set(_WORD.findall(example["query"].casefold()))
        if words:
            both = words & set(_WORD.findall(example["positive"].casefold()))
            shares.append(len(both) / len(words))
    return sum(shares) / len(shares) if shares else 0.0


_WORD = re.compile(r"\w+")


def _chain(*parts: Iterable[int]) -> Iterable[int]:
    for part in parts:
        yield from part


def _pairs(found: Iterable[tuple[Record, str, str]]) -> list[Record]:
    """Examples of a query and a positive text, where both are there and differ."""
    examples = [
        {"query": query, "positive": positive, **_provenance(record)}
        for record, query, positive in found
        if query and positive and normalise(query) != normalise(positive)
    ]
    return _numbered(examples, "query", "positive")


def _linked(
    records: Sequence[Record], targets: Callable[[int, Record], Iterable[str]]
) -> list[Record]:
    named = {record["name"]: record for record in records}
    return _pairs(
        (record, document(record), document(named[name]))
        for i, record in enumerate(records)
        for name in targets(i, record)
        if name in named
    )


def _numbered(examples: list[Record], *roles: str) -> list[Record]:
    """Add `<role>_id`: equal texts have equal numbers, across roles too."""
    columns = numbers(*([example[role] for example in examples] for role in roles))
    for role, ids in zip(roles, columns, strict=True):
        for example, number in zip(examples, ids.tolist(), strict=True):
            example[f"{role}_id"] = number
    return examples


def _provenance(record: Record) -> Record:
    return {k: record.get(f, "") for k, f in (("group", "module"), ("name", "name"))}


def _without_name(record: Record) -> Record:
    name = record["name"].rpartition(".")[2]
    pattern = re.compile(rf"(?<!\w)(?:[A-Za-z_]\w*\.)*{re.escape(name)}(?!\w)", re.IGNORECASE)
    texts = {f: pattern.sub("", record[f]) for f in ("summary", "body", "code")}
    tidy = {f: re.sub(r"[ \t]{2,}", " ", text).strip() for f, text in texts.items()}
    return {**record, **tidy, "code": texts["code"]}


def _field(record: Record, field: str, position: int) -> Any:
    value = record.get(field)
    if value is None:
        raise UsageError(
            f"record {position + 1} has no field {field!r}; it has {', '.join(map(str, record))}"
        )
    return value


def _number(record: Record, field: str, position: int) -> float:
    value = _field(record, field, position)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(
            f"field {field!r} of record {position + 1} is {value!r}, not a number"
        ) from None
