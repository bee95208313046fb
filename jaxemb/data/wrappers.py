"""Views over views: names removed, positives shuffled or partly so, negatives added."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, AtMost, UsageError, check_ranges
from jaxemb.data.base import View
from jaxemb.data.examples import DOCUMENT
from jaxemb.data.fields import Record
from jaxemb.data.views import SummaryToBody


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
    seed: Annotated[int, AtLeast(0)] = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = self.inner(records)
        order = np.random.default_rng(self.seed).permutation(len(examples)).tolist()
        moved = [{k: examples[j][k] for k in ("positive", "positive_id")} for j in order]
        return [{**example, **other} for example, other in zip(examples, moved, strict=True)]


@dataclass(frozen=True, kw_only=True)
class NoisyPairs(View):
    """The inner view with a share of its positives dealt out at random: noise of a known amount.

    The examples that are dealt another positive have the field `noise` True, which is no column: a
    filter can be judged by it. No example is dealt its own positive or one that answers its query.

    Args:
        inner: gives the pairs.
        share: of the examples that are dealt another positive.
        seed: of the draw.

    Raises:
        UsageError: `share` is no number from 0 to 1.

    Example:
        >>> NoisyPairs(share=0.2).columns
        ('query', 'positive', 'query_id', 'positive_id')
    """

    inner: View = SummaryToBody()
    share: Annotated[float, AtLeast(0), AtMost(1)] = 0.2
    seed: Annotated[int, AtLeast(0)] = 0

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = self.inner(records)
        draw = np.random.default_rng(self.seed)
        chosen = draw.permutation(len(examples))[: round(self.share * len(examples))]
        dealt = dict(zip(chosen.tolist(), np.roll(chosen, 1).tolist(), strict=True))
        known: dict[int, set[int]] = {}
        for example in examples:
            known.setdefault(example["query_id"], set()).add(example["positive_id"])
        found = []
        for number, example in enumerate(examples):
            other = examples[dealt.get(number, number)]
            noise = other["positive_id"] not in known[example["query_id"]]
            taken = {k: other[k] for k in ("positive", "positive_id")} if noise else {}
            found.append({**example, **taken, "noise": noise})
        return found


@dataclass(frozen=True, kw_only=True)
class HardNegatives(View):
    """The inner view with `count` negatives per example: positives that stand near it.

    They are taken from the same group (module) in order of distance, then from the examples that
    follow; never one whose text equals the example's query or positive, nor any positive of an
    equal query.

    Raises:
        UsageError: there are fewer than `count` other texts.
    """

    inner: View = SummaryToBody()
    count: Annotated[int, AtLeast(1)] = 1

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives", "negatives_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = self.inner(records)
        groups: dict[str, list[int]] = {}
        known: dict[int, set[int]] = {}
        for i, example in enumerate(examples):
            groups.setdefault(example.get("group", ""), []).append(i)
            known.setdefault(example["query_id"], set()).add(example["positive_id"])
        extended: list[Record] = [{}] * len(examples)
        for group in groups.values():
            for place, i in enumerate(group):
                order = chain(_outward(group, place), _after(i, len(examples)))
                answers = {examples[i]["query_id"], *known[examples[i]["query_id"]]}
                extended[i] = {**examples[i], **self._negatives(examples, order, answers)}
        return extended

    def _negatives(
        self, examples: list[Record], order: Iterable[int], answers: set[int]
    ) -> dict[str, tuple]:
        found: dict[int, str] = {}
        for j in order:
            if len(found) == self.count:
                break
            if examples[j]["positive_id"] not in answers:
                found.setdefault(examples[j]["positive_id"], examples[j]["positive"])
        if len(found) < self.count:
            raise UsageError(
                f"there are only {len(found)} other texts to be negatives, count={self.count}"
            )
        return {"negatives": tuple(found.values()), "negatives_id": tuple(found)}


def _outward(group: list[int], place: int) -> Iterator[int]:
    """The members of a group by their distance from a place."""
    for distance in range(1, len(group)):
        for other in (place + distance, place - distance):
            if 0 <= other < len(group):
                yield group[other]


def _after(i: int, n: int) -> Iterator[int]:
    """The numbers below n that follow i, around."""
    return ((i + step) % n for step in range(1, n))


def _without_name(record: Record) -> Record:
    name = record.get("name", "").rpartition(".")[2]
    texts = [field for field in (*DOCUMENT, "code") if name and field in record]
    return {**record, **{field: _removed(record[field], name) for field in texts}}


def _removed(text: str, name: str) -> str:
    """The text without a name, in any case and with any dotted prefix."""
    name, lowered = name.lower(), text.lower()
    if name not in lowered or len(lowered) != len(text):  # a few characters lower to two
        return text
    kept, done, at = [], 0, lowered.find(name)
    while at >= 0:
        start, end = at, at + len(name)
        while start > done and text[start - 1] == ".":
            start = next((i for i in range(start - 1, done, -1) if not _in_word(text, i - 1)), done)
        if not _in_word(text, start - 1) and not _in_word(text, end):
            kept.append(text[done:start].rstrip(" "))
            done = end
        at = lowered.find(name, end)
    return "".join([*kept, text[done:]]).strip()


def _in_word(text: str, i: int) -> bool:
    return 0 <= i < len(text) and (text[i].isalnum() or text[i] == "_")
