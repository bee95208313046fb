"""Long texts as ordered sentences: the slot for such data, and documents read off Python's own."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Int32

from jaxemb.config import AtLeast, UsageError
from jaxemb.evaluation.problems import TaskData, cluster_numbers, kept
from jaxemb.evaluation.pydocs import Documentation, Record, some
from jaxemb.text.sentences import boundary


class ProseProblem(NamedTuple):
    """Documents as sentences in order; by document, each sentence's section and its cluster.

    Sections are numbered from 0 in every document. Sentences of one cluster vary together.
    """

    documents: list[tuple[str, ...]]
    sections: list[Int32[np.ndarray, " sentences"]]
    clusters: list[Int32[np.ndarray, " sentences"]]


class ProseData(TaskData):
    """Slot: ordered sentences. Loads a `ProseProblem`."""


@dataclass(frozen=True, kw_only=True)
class PyDocsProse(Documentation, ProseData):
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

    document: str = "module"
    section: str = "name"
    least: Annotated[int, AtLeast(0)] = 5
    most: Annotated[int, AtLeast(1)] | None = 65
    words: Annotated[int, AtLeast(1)] | None = None
    shortest: Annotated[int, AtLeast(0)] = 4
    documents: Annotated[int, AtLeast(1)] | None = None

    @kept
    def load(self) -> ProseProblem:
        groups: dict[str, list[Record]] = {}
        for record in self.source.records(self.split):
            groups.setdefault(record[self.document], []).append(record)
        long_enough = [one for one in (_cut(self, group) for group in groups.values()) if one]
        if not long_enough:
            raise UsageError(
                f"no {self.document} of split {self.split!r} has {self.least} sentences of prose"
            )
        chosen = some(long_enough, self.documents, self.draw())
        numbers = cluster_numbers([module for one in chosen for _, _, module in one])
        ends = np.cumsum([len(one) for one in chosen])
        return ProseProblem(
            documents=[tuple(text for text, _, _ in one) for one in chosen],
            sections=[_changes([section for _, section, _ in one]) for one in chosen],
            clusters=np.split(numbers, ends[:-1]),
        )


@dataclass(frozen=True, kw_only=True)
class ShuffledSentences(ProseData):
    """Other data with the sentences of every document in random order.

    What then still depends on the place of a sentence does not come from what authors write first.
    """

    inner: ProseData
    seed: Annotated[int, AtLeast(0)] = 0

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


_SENTENCE_END = boundary()
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
