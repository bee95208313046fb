"""Probes of a sentence's surface and of its words' order, made from real sentences."""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.evaluation.probes.sentences import (
    Example,
    Sentence,
    SentenceLabels,
    frequencies,
    half_changed,
)

Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SentenceLength(SentenceLabels):
    """How many words has the sentence: which of `bins` ranges of length?

    The ranges part the training sentences into equal numbers, as far as whole lengths allow.

    Reference: Conneau et al., arXiv:1805.01070 (SentLen).
    """

    bins: Annotated[int, AtLeast(1)] = 6

    @property
    def names(self) -> tuple[str, ...]:
        edges = self._edges()
        return tuple(f"{low}-{high - 1}" for low, high in zip(edges, edges[1:], strict=False))

    def _edges(self) -> list[int]:
        lengths = [len(sentence.words) for sentence in self.sentences.load("train")]
        if not lengths:
            raise UsageError("there are no sentences of split train")
        inner = np.quantile(lengths, np.arange(1, self.bins) / self.bins).astype(int) + 1
        return sorted({min(lengths), *inner.tolist(), max(lengths) + 1})

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        edges = self._edges()
        found = []
        for sentence in self.sentences.load(split):
            label = int(np.searchsorted(edges, len(sentence.words), side="right")) - 1
            if 0 <= label < len(edges) - 1:
                found.append(Example(sentence, label))
        return found


@dataclass(frozen=True, kw_only=True)
class WordContent(SentenceLabels):
    """Which one of `words` words does the sentence hold? Each holds exactly one of them, once.

    The words are the most frequent of the training sentences after the `common` first, of those that
    both splits have often enough in sentences without another of them.

    Reference: Conneau et al., arXiv:1805.01070 (WC).
    """

    words: Annotated[int, AtLeast(1)] = 20
    common: Annotated[int, AtLeast(0)] = 50

    @property
    def names(self) -> tuple[str, ...]:
        return _targets(self)

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        number = {word: n for n, word in enumerate(self.names)}
        pairs = _with_one(self.sentences.load(split), set(number))
        return [Example(sentence, number[word]) for sentence, word in pairs]


@functools.lru_cache(maxsize=8)
def _targets(probe: WordContent) -> tuple[str, ...]:
    """As many words as are wanted that each split has often, or as often as it can be."""
    parts = [probe.sentences.load(split) for split in ("train", probe.split)]
    candidates = list(frequencies(parts[0]))[probe.common :] or list(frequencies(parts[0]))
    found: tuple[str, ...] = ()
    for least in (32, 16, 8, 4, 2, 1):
        frequent = _frequent(parts, candidates, probe.words, least)
        found = max(found, frequent, key=len)
        if len(found) == probe.words:
            break
    if len(found) < 2:
        raise UsageError("no two words stand in sentences of both splits")
    return found


def _frequent(
    parts: Sequence[Sequence[Sentence]], candidates: list[str], words: int, least: int
) -> tuple[str, ...]:
    """Words that each part has `least` times in sentences without another of them.

    Words that are too rare beside the others make room for the next ones, until all fit.
    """
    while targets := candidates[:words]:
        counts = [Counter(word for _, word in _with_one(part, set(targets))) for part in parts]
        rare = {word for word in targets if min(of[word] for of in counts) < least}
        if not rare:
            return tuple(targets)
        candidates = [word for word in candidates if word not in rare]
    return ()


@dataclass(frozen=True, kw_only=True)
class BigramShift(SentenceLabels):
    """Have two neighbouring words been swapped? A bag of words cannot tell.

    Reference: Conneau et al., arXiv:1805.01070 (BShift).
    """

    names: ClassVar[tuple[str, ...]] = ("original", "swapped")

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        def swapped(words: Words) -> Words | None:
            places = [n for n in range(len(words) - 1) if words[n] != words[n + 1]]
            if not places:
                return None
            n = int(draw.choice(places))
            return (*words[:n], words[n + 1], words[n], *words[n + 2 :])

        return half_changed(self.sentences.load(split), swapped, draw)


@dataclass(frozen=True, kw_only=True)
class CoordinationInversion(SentenceLabels):
    """Have the two sides of the sentence's only "and" been swapped? A bag of words cannot tell.

    Each side has at least `least` words.

    Reference: Conneau et al., arXiv:1805.01070 (CoordInv).
    """

    names: ClassVar[tuple[str, ...]] = ("original", "inverted")
    least: Annotated[int, AtLeast(0)] = 2

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        def inverted(words: Words) -> Words | None:
            if words.count("and") != 1:
                return None
            left, right = words[: words.index("and")], words[words.index("and") + 1 :]
            return (*right, "and", *left) if min(len(left), len(right)) >= self.least else None

        return half_changed(self.sentences.load(split), inverted, draw)


@dataclass(frozen=True, kw_only=True)
class OddManOut(SentenceLabels):
    """Has a word been replaced by one that is as frequent and has the same ending?

    The word is drawn among those that are not among the `common` most frequent of the training
    sentences and have at least four letters; its replacement among the `near` words next to it in
    frequency with the same kind of ending (-s, -ed, -ing, -ly, -ion, another).

    Reference: Conneau et al., arXiv:1805.01070 (SOMO).
    """

    names: ClassVar[tuple[str, ...]] = ("original", "replaced")
    common: Annotated[int, AtLeast(0)] = 50
    near: Annotated[int, AtLeast(1)] = 20

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        ranked = list(frequencies(self.sentences.load("train")))[self.common :]
        peers: dict[str, list[str]] = {}
        for word in ranked:
            if len(word) >= 4:
                peers.setdefault(_ending(word), []).append(word)
        place = {word: n for of in peers.values() for n, word in enumerate(of)}

        def replaced(words: Words) -> Words | None:
            targets = [n for n, word in enumerate(words) if word in place]
            if not targets:
                return None
            n = int(draw.choice(targets))
            of, at = peers[_ending(words[n])], place[words[n]]
            start = max(0, min(at - self.near // 2, len(of) - self.near - 1))
            others = [word for word in of[start : start + self.near + 1] if word not in words]
            return (*words[:n], str(draw.choice(others)), *words[n + 1 :]) if others else None

        return half_changed(self.sentences.load(split), replaced, draw)


def _ending(word: str) -> str:
    return next((end for end in ("ing", "ion", "ed", "ly", "s") if word.endswith(end)), "")


def _with_one(sentences: Sequence[Sentence], targets: set[str]) -> list[tuple[Sentence, str]]:
    """Sentences that hold exactly one of the targets, once, with it."""
    found = []
    for sentence in sentences:
        here = [word for word in sentence.words if word in targets]
        if len(here) == 1:
            found.append((sentence, here[0]))
    return found
