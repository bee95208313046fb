"""Long texts as ordered sentences: the slot for such data, and documents read off Python's own."""

import abc
import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import PyDocs, Source
from jaxemb.evaluation.problems import TaskData, cluster_numbers

Record = dict[str, Any]


class ProseProblem(NamedTuple):
    """Documents as sentences in order; by document, each sentence's section and its cluster.

    Sections are numbered from 0 in every document. Sentences of one cluster vary together.
    """

    documents: list[tuple[str, ...]]
    sections: list[Int32[np.ndarray, " sentences"]]
    clusters: list[Int32[np.ndarray, " sentences"]]


@dataclass(frozen=True, kw_only=True)
class ProseData(TaskData):
    """Slot: where ordered sentences come from."""

    @abc.abstractmethod
    def load(self) -> ProseProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class PyDocsProse(ProseData):
    """Documentation in source order: one document for every value of the records' field `document`.

    `document="module"` makes a text of a module's documentation, `document="package"` a manual. A
    new value of the field `section` begins a section. A document holds its first sentences up to
    `most` of them and up to `words` words in all, and is left out with fewer than `least`. A
    sentence is prose: no code, no list of parameters, at least `shortest` words, and no repetition
    within its document. `documents` caps how many are taken, at random by `seed`. The cluster is
    the module.

    Raises:
        UsageError: if no document is long enough.

    Example:
        >>> PyDocsProse(document="package", section="module", most=600, words=None).split
        'test'
    """

    split: str = "test"
    document: str = "module"
    section: str = "name"
    least: int = 5
    most: int | None = 65
    words: int | None = None
    shortest: int = 4
    documents: int | None = None
    seed: int = 0
    source: Source = field(default_factory=PyDocs)

    def load(self) -> ProseProblem:
        return _prose(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class ShuffledSentences(ProseData):
    """Other data with the sentences of every document in random order.

    What then still depends on the place of a sentence does not come from what authors write first.
    """

    inner: ProseData
    seed: int = 0

    def load(self) -> ProseProblem:
        whole, draw = self.inner.load(), np.random.default_rng(self.seed)
        orders = [draw.permutation(len(document)) for document in whole.documents]
        return ProseProblem(
            documents=[
                tuple(document[place] for place in order)
                for document, order in zip(whole.documents, orders, strict=True)
            ],
            sections=[s[order] for s, order in zip(whole.sections, orders, strict=True)],
            clusters=[c[order] for c, order in zip(whole.clusters, orders, strict=True)],
        )

    def on(self, split: str) -> "ShuffledSentences":
        return dataclasses.replace(self, inner=self.inner.on(split))

    def fingerprint(self) -> str:
        return fingerprint(self, self.inner.fingerprint())


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`'\"(])")
_SECTION = re.compile(
    r"(?:Parameters|Arguments|Args|Attributes|Returns|Yields|Raises|References|See Also|Examples)\b"
    r"|\.\. |>>>"
)
_OPENING = re.compile(r"[A-Z`'\"(]")
_LETTERS = 0.85  # least share of letters and spaces in prose


def sentences(text: str, shortest: int = 4) -> Iterator[str]:
    """The prose sentences of a text whose paragraphs are lines.

    Example:
        >>> list(sentences("Sorts the whole list. It is stable.\\nParameters x : int The size of it."))
        ['Sorts the whole list.']
    """
    for paragraph in text.split("\n"):
        if not _SECTION.match(paragraph):
            for sentence in _SENTENCE_END.split(paragraph.strip()):
                if len(sentence.split()) >= shortest and _is_prose(sentence):
                    yield sentence


def _is_prose(sentence: str) -> bool:
    """Opens like a sentence, ends like one, and is made of letters; "x : int The size." is not."""
    letters = sum(character.isalpha() or character == " " for character in sentence)
    framed = _OPENING.match(sentence) and sentence[-1] in ".!?" and " : " not in sentence
    return bool(framed) and letters >= _LETTERS * len(sentence)


@functools.lru_cache(maxsize=16)
def _prose(data: PyDocsProse) -> ProseProblem:
    groups: dict[str, list[Record]] = {}
    for record in data.source.records(data.split):
        groups.setdefault(record[data.document], []).append(record)
    found = [one for one in (_cut(data, group) for group in groups.values()) if one]
    if not found:
        raise UsageError(
            f"no {data.document} of split {data.split!r} has {data.least} sentences of prose"
        )
    found = _some(found, data.documents, data.seed)
    numbers = cluster_numbers([module for one in found for _, _, module in one])
    ends = np.cumsum([len(one) for one in found])
    return ProseProblem(
        documents=[tuple(text for text, _, _ in one) for one in found],
        sections=[_changes([section for _, section, _ in one]) for one in found],
        clusters=np.split(numbers, ends[:-1]),
    )


def _cut(data: PyDocsProse, records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """The first sentences of a document, each with its section and module; [] if they are few."""
    seen: dict[str, tuple[str, str, str]] = {}
    for record in records:
        for text in sentences(f"{record['summary']}\n{record['body']}", data.shortest):
            seen.setdefault(text, (text, record[data.section], record["module"]))
    kept = list(itertools.islice(seen.values(), data.most))
    if data.words is not None:
        lengths = np.cumsum([len(text.split()) for text, _, _ in kept])
        kept = kept[: int(np.searchsorted(lengths, data.words, side="right"))]
    return kept if len(kept) >= data.least else []


def _changes(names: Sequence[str]) -> Int32[np.ndarray, " sentences"]:
    """Numbers that grow by one wherever the name changes."""
    changed = [a != b for a, b in itertools.pairwise(names)]
    return np.cumsum([0, *changed]).astype(np.int32)


def _some(items: list, count: int | None, seed: int) -> list:
    if count is None or count >= len(items):
        return items
    picks = np.random.default_rng(seed).choice(len(items), count, replace=False)
    return [items[place] for place in np.sort(picks)]
