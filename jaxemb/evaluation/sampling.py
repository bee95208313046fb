"""Smaller task data: a part of another's examples, the same part whoever asks and in any order.

What is kept is decided by a hash of the texts themselves, so that a row more in a file changes
little, and two models are always judged on the same examples.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError, fingerprint
from jaxemb.evaluation.problems import (
    BitextData,
    BitextProblem,
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    RerankingData,
    RerankingProblem,
    RetrievalData,
    RetrievalProblem,
    TaskData,
)
from jaxemb.evaluation.words.problems import TaggingData, TaggingProblem


@dataclass(frozen=True, kw_only=True)
class SampledPairs(PairData):
    """At most `texts / 2` pairs of another set."""

    inner: PairData
    texts: int = 1000

    def load(self) -> PairProblem:
        whole = self.inner.load()
        both = [f"{a}\t{b}" for a, b in zip(whole.first, whole.second, strict=True)]
        kept = drawn(both, self.texts // 2)
        return PairProblem(
            first=[whole.first[n] for n in kept],
            second=[whole.second[n] for n in kept],
            gold=whole.gold[kept],
            clusters=whole.clusters[kept],
        )

    def on(self, split: str) -> "SampledPairs":
        return SampledPairs(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


@dataclass(frozen=True, kw_only=True)
class SampledLabels(LabelData):
    """At most `texts` labelled texts of another set: half to fit on and half to judge.

    Where one part has fewer than its half, the other takes what is left. Each part keeps the shares
    of its labels as nearly as whole texts allow. Labels that are left in only one of two parts go.
    """

    inner: LabelData
    texts: int = 1000

    def load(self) -> LabelProblem:
        whole = self.inner.load()
        train_room, room = _shared(len(whole.train_texts), len(whole.texts), self.texts)
        train = _in_proportion(whole.train_texts, whole.train_labels, train_room)
        test = _in_proportion(whole.texts, whole.labels, room)
        if len(train):
            both = np.intersect1d(whole.train_labels[train], whole.labels[test])
            train = train[np.isin(whole.train_labels[train], both)]
            test = test[np.isin(whole.labels[test], both)]
        if not len(test):
            raise UsageError(f"{self.texts} texts are too few to keep a label in both parts")
        return LabelProblem(
            train_texts=[whole.train_texts[n] for n in train],
            train_labels=whole.train_labels[train],
            texts=[whole.texts[n] for n in test],
            labels=whole.labels[test],
            clusters=whole.clusters[test],
            names=whole.names,
        )

    def on(self, split: str) -> "SampledLabels":
        return SampledLabels(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


@dataclass(frozen=True, kw_only=True)
class SampledRetrieval(RetrievalData):
    """At most `texts` queries and documents of another set, with every answer to every query kept.

    Queries are taken one by one with all their answers, while at most a quarter of the texts are
    queries and three quarters of them queries or answers; a query with too many answers is passed
    over. The rest of the room goes to documents that answer none of them.

    Raises:
        UsageError: no query fits with its answers.
    """

    inner: RetrievalData
    texts: int = 1000

    def load(self) -> RetrievalProblem:
        whole = self.inner.load()
        if len(whole.queries) + len(whole.documents) <= self.texts:
            return whole
        asked, answers = self._asked(whole)
        if not asked:
            raise UsageError(f"no query of this set fits into {self.texts} texts with its answers")
        others = [n for n in range(len(whole.documents)) if n not in answers]
        fill = drawn([whole.documents[n] for n in others], self.texts - len(asked) - len(answers))
        corpus = sorted(answers | {others[n] for n in fill})
        return _restricted(whole, sorted(asked), corpus)

    def _asked(self, whole: RetrievalProblem) -> tuple[list[int], set[int]]:
        asked: list[int] = []
        answers: set[int] = set()
        for query in order(whole.queries):
            if len(asked) == max(1, self.texts // 4):
                break
            more = answers | set(whole.relevant[query])
            if len(asked) + 1 + len(more) <= self.texts * 3 // 4:
                asked.append(query)
                answers = more
        return asked, answers

    def on(self, split: str) -> "SampledRetrieval":
        return SampledRetrieval(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


@dataclass(frozen=True, kw_only=True)
class SampledBitext(BitextData):
    """At most `texts / 2` pairs of another set."""

    inner: BitextData
    texts: int = 1000

    def load(self) -> BitextProblem:
        whole = self.inner.load()
        both = [f"{a}\t{b}" for a, b in zip(whole.source, whole.target, strict=True)]
        kept = drawn(both, self.texts // 2)
        return BitextProblem(
            source=[whole.source[n] for n in kept],
            target=[whole.target[n] for n in kept],
            clusters=whole.clusters[kept],
        )

    def on(self, split: str) -> "SampledBitext":
        return SampledBitext(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


@dataclass(frozen=True, kw_only=True)
class SampledReranking(RerankingData):
    """Queries of another set with all their candidates, at most `texts` of both; at least one query."""

    inner: RerankingData
    texts: int = 1000

    def load(self) -> RerankingProblem:
        whole = self.inner.load()
        kept, used = [], 0
        for query in order(whole.queries):
            size = 1 + len(whole.candidates[query])
            if not kept or used + size <= self.texts:
                kept.append(query)
                used += size
        kept.sort()
        return RerankingProblem(
            queries=[whole.queries[n] for n in kept],
            candidates=[whole.candidates[n] for n in kept],
            relevant=[whole.relevant[n] for n in kept],
            clusters=whole.clusters[np.array(kept)],
        )

    def on(self, split: str) -> "SampledReranking":
        return SampledReranking(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


@dataclass(frozen=True, kw_only=True)
class SampledTagging(TaggingData):
    """At most `texts` tagged sentences of another set, shared as `SampledLabels` shares them."""

    inner: TaggingData
    texts: int = 1000

    def load(self) -> TaggingProblem:
        whole = self.inner.load()
        rooms = _shared(len(whole.train_sentences), len(whole.sentences), self.texts)
        parts = (whole.train_sentences, whole.train_labels), (whole.sentences, whole.labels)
        train, test = (
            _in_proportion([" ".join(words) for words in sentences], labels, room)
            for (sentences, labels), room in zip(parts, rooms, strict=True)
        )
        return whole._replace(
            train_sentences=[whole.train_sentences[n] for n in train],
            train_places=whole.train_places[train],
            train_labels=whole.train_labels[train],
            sentences=[whole.sentences[n] for n in test],
            places=whole.places[test],
            labels=whole.labels[test],
            clusters=whole.clusters[test],
        )

    def on(self, split: str) -> "SampledTagging":
        return SampledTagging(inner=self.inner.on(split), texts=self.texts)

    def fingerprint(self) -> str:
        return fingerprint([self.inner.fingerprint(), self.texts])


def sampled(data: TaskData, texts: int | None) -> TaskData:
    """The data cut to so many texts, by the wrapper for its kind; None leaves it whole.

    Example:
        >>> from jaxemb.evaluation import PairFile
        >>> sampled(PairFile(path="pairs.tsv"), 100).texts
        100
    """
    if texts is None:
        return data
    for kind, wrapper in WRAPPERS.items():
        if isinstance(data, kind):
            return wrapper(inner=data, texts=texts)
    raise UsageError(f"there is no way to take a part of {type(data).__name__}")


WRAPPERS: dict[type[TaskData], type[TaskData]] = {
    RetrievalData: SampledRetrieval,
    PairData: SampledPairs,
    LabelData: SampledLabels,
    BitextData: SampledBitext,
    RerankingData: SampledReranking,
    TaggingData: SampledTagging,
}
"""Slot of data to what takes a part of it: a new slot is one entry here."""


def order(texts: Iterable[str]) -> list[int]:
    """Positions in the order of a hash of the texts; equal texts in their own order."""
    hashed = [
        (hashlib.blake2b(t.encode("utf-8", "replace")).digest(), n) for n, t in enumerate(texts)
    ]
    return [n for _, n in sorted(hashed)]


def drawn(texts: Sequence[str], count: int) -> Int[np.ndarray, " kept"]:
    """Positions of at most `count` texts, in their own order."""
    kept = range(len(texts)) if len(texts) <= count else sorted(order(texts)[: max(0, count)])
    return np.fromiter(kept, np.int64)


def _shared(first: int, second: int, room: int) -> tuple[int, int]:
    """Half the room each, or what the other leaves."""
    half = room // 2
    if first <= half:
        return first, min(second, room - first)
    return (room - second, second) if second <= half else (half, half)


def _in_proportion(
    texts: Sequence[str], labels: Int[np.ndarray, " texts"], count: int
) -> Int[np.ndarray, " kept"]:
    """Positions of at most `count` texts: of each label its share, the largest remainders up."""
    if len(texts) <= count:
        return np.arange(len(texts))
    names, sizes = np.unique(labels, return_counts=True)
    shares = sizes * (count / len(texts))
    room = np.floor(shares).astype(int)
    room[np.argsort(room - shares, kind="stable")[: count - room.sum()]] += 1
    kept = []
    for name, size in zip(names, room.tolist(), strict=True):
        places = np.flatnonzero(labels == name)
        kept.append(places[drawn([texts[n] for n in places], size)])
    return np.sort(np.concatenate(kept))


def _restricted(
    whole: RetrievalProblem, asked: Sequence[int], corpus: Sequence[int]
) -> RetrievalProblem:
    place = {document: n for n, document in enumerate(corpus)}
    excluded = None
    if whole.excluded is not None:
        excluded = np.array([place.get(int(whole.excluded[q]), -1) for q in asked], np.int32)
    return RetrievalProblem(
        queries=[whole.queries[q] for q in asked],
        documents=[whole.documents[n] for n in corpus],
        relevant=[{place[n]: grade for n, grade in whole.relevant[q].items()} for q in asked],
        clusters=whole.clusters[np.asarray(asked)],
        excluded=excluded,
    )
