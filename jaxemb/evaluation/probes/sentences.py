"""Sentences that probes are made from, and how labels are balanced."""

import abc
import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import numpy as np

from jaxemb.config import AtLeast, Part, UsageError, fingerprint, smaller
from jaxemb.data import PyDocs, Source
from jaxemb.evaluation.problems import LabelData, LabelProblem, cluster_numbers, kept
from jaxemb.text.sentences import boundary


class Sentence(NamedTuple):
    """Lower-case words, and the group of sentences that vary together."""

    words: tuple[str, ...]
    cluster: str


class Example(NamedTuple):
    """A sentence with its label; examples of one `stratum` differ in nothing else that is easy."""

    sentence: Sentence
    label: int
    stratum: Hashable = None


@dataclass(frozen=True, kw_only=True)
class Sentences(Part, abc.ABC):
    """Slot: plain sentences of a split."""

    @abc.abstractmethod
    def load(self, split: str) -> tuple[Sentence, ...]:
        """Different sentences, in a fixed order; no sentence stands in two splits."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Changes when the sentences do."""


@dataclass(frozen=True, kw_only=True)
class PlainProse(Sentences):
    """Sentences of Python's documentation that are plain prose.

    A sentence opens with a capital, ends with a full stop and is made of `least` to `most` words of
    letters, hyphens and apostrophes. It is given in lower case without its full stop, because those
    would mark the first and the last word whatever is done to the order of the others.
    """

    source: Source = field(default_factory=PyDocs)
    least: Annotated[int, AtLeast(0)] = 5
    most: Annotated[int, AtLeast(1)] = 28

    def load(self, split: str) -> tuple[Sentence, ...]:
        return _prose(self, split)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


_ENDS = boundary(".", "A-Z")
_PLAIN = re.compile(r"[A-Z][A-Za-z'’-]*(?: [A-Za-z'’-]+)+\.")


@functools.lru_cache(maxsize=8)
def _prose(part: PlainProse, split: str) -> tuple[Sentence, ...]:
    known = {s.words for s in part.load("train")} if split != "train" else set()
    found: dict[tuple[str, ...], Sentence] = {}
    for record in part.source.records(split):
        for paragraph in (record["summary"], *(record["body"] or "").split("\n")):
            for text in filter(_PLAIN.fullmatch, _ENDS.split(paragraph.strip())):
                words = tuple(text[:-1].lower().split(" "))
                if part.least <= len(words) <= part.most and words not in known:
                    found.setdefault(words, Sentence(words, record["cluster"]))
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class GeneratedLabels(LabelData, abc.ABC):
    """Base of probes whose labels are made from the sentences themselves.

    `train` and `texts` are the most examples to fit on and to judge, drawn by `seed`; every label has
    the same number of them, in each stratum (most often: at each length) where that can be had, so
    that the frequency of a label or a sentence's length tells nothing.

    Raises:
        UsageError: if the sentences give no example of some label.
    """

    train: Annotated[int, AtLeast(1)] = 3000
    texts: Annotated[int, AtLeast(1)] = 1500
    seed: Annotated[int, AtLeast(0)] = 0
    split: str = "test"

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The labels' names, in the order of their numbers."""

    @abc.abstractmethod
    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        """All examples that the split's sentences give, each sentence at most once."""

    @kept
    def load(self) -> LabelProblem:
        train, test = (
            _drawn(self, split, count)
            for split, count in (("train", self.train), (self.split, self.texts))
        )
        return LabelProblem(
            train_texts=[" ".join(example.sentence.words) for example in train],
            train_labels=np.array([example.label for example in train], np.int32),
            texts=[" ".join(example.sentence.words) for example in test],
            labels=np.array([example.label for example in test], np.int32),
            clusters=cluster_numbers([example.sentence.cluster for example in test]),
            names=self.names,
        )

    def small(self) -> "GeneratedLabels":
        return smaller(self, train=128, texts=128)


@dataclass(frozen=True, kw_only=True)
class SentenceLabels(GeneratedLabels):
    """Base of probes made from real sentences."""

    sentences: Sentences = field(default_factory=PlainProse)


def _drawn(data: GeneratedLabels, split: str, count: int) -> list[Example]:
    draw = np.random.default_rng([data.seed, len(split)])
    examples = data.examples(split, draw)
    kept = balanced(examples, len(data.names), count, draw)
    if not kept:  # so few that no stratum has every label: over all strata together
        alike = [example._replace(stratum=None) for example in examples]
        kept = balanced(alike, len(data.names), count, draw)
    if not kept:
        raise UsageError(
            f"{type(data).__name__}: the {len(examples)} sentences of split {split} that fit give no "
            f"equal numbers of the {len(data.names)} labels"
        )
    return kept


def balanced(
    examples: Sequence[Example], labels: int, count: int, draw: np.random.Generator
) -> list[Example]:
    """At most `count` examples, with as many of every label in each stratum; in random order."""
    groups: dict[Hashable, dict[int, list[Example]]] = defaultdict(lambda: defaultdict(list))
    for place in draw.permutation(len(examples)).tolist():
        groups[examples[place].stratum][examples[place].label].append(examples[place])
    sets = [
        [of[label][n] for label in range(labels)]
        for of in groups.values()
        for n in range(min(len(of[label]) for label in range(labels)))
    ]
    order = draw.permutation(len(sets))[: count // labels].tolist()
    chosen = [example for place in order for example in sets[place]]
    return [chosen[place] for place in draw.permutation(len(chosen)).tolist()]


def half_changed(
    sentences: Sequence[Sentence],
    change: Callable[[tuple[str, ...]], tuple[str, ...] | None],
    draw: np.random.Generator,
) -> list[Example]:
    """Half of the sentences as they are (label 0), half changed (1), strata by length.

    In random order at each length, every second sentence that can be changed is: which ones are
    tells nothing. Sentences for which `change` gives None are left out on both sides.
    """
    changed = [(sentence, change(sentence.words)) for sentence in sentences]
    able = [(sentence, words) for sentence, words in changed if words is not None]
    order = sorted(draw.permutation(len(able)).tolist(), key=lambda n: len(able[n][0].words))
    first = int(draw.integers(2))
    labelled = ((*able[place], (turn + first) % 2) for turn, place in enumerate(order))
    return [
        Example(sentence._replace(words=words) if label else sentence, label, len(words))
        for sentence, words, label in labelled
    ]


def frequencies(sentences: Sequence[Sentence]) -> dict[str, int]:
    """How often every word occurs, the most frequent first, ties by the alphabet."""
    counts = Counter(word for sentence in sentences for word in sentence.words)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
