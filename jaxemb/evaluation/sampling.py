"""Smaller task data: a part of another's examples, the same part whoever asks and in any order.

What is kept is decided by a hash of the texts themselves, so that a row more in a file changes
little, and two models are always judged on the same examples.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, UsageError, smaller
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
    taken,
)
from jaxemb.evaluation.words.problems import TaggingData, TaggingProblem

Rows = Int[np.ndarray, " _"]


@dataclass(frozen=True, kw_only=True)
class Sampled(RetrievalData, PairData, LabelData, BitextData, RerankingData, TaggingData):
    """At most `texts` texts of other data, which fits wherever the other data does.

    - Pairs and translations stay whole: `texts / 2` of them.
    - Labelled or tagged texts: half to fit on and half to judge, or what the other part leaves. Each
      part keeps the shares of its labels as nearly as whole texts allow. Labels that are left in
      only one of two parts go.
    - Retrieval: queries are taken one by one with all their answers, while at most a quarter of the
      texts are queries and three quarters of them queries or answers; a query with too many answers
      is passed over. The rest of the room goes to documents that answer none of them.
    - Reranking: queries with all their candidates; at least one query.

    Raises:
        UsageError: no query fits with its answers, or no label stays in both parts.

    Example:
        >>> from jaxemb.evaluation import PairFile
        >>> Sampled(inner=PairFile(path="pairs.tsv"), texts=100).texts
        100
    """

    inner: TaskData
    texts: Annotated[int, AtLeast(1)] = 1000

    def small(self) -> "Sampled":
        return smaller(self, texts=100)

    def load(self) -> Any:
        whole = self.inner.load()
        return PARTS[type(whole)](whole, self.texts)


def sampled(data: TaskData, texts: int | None) -> TaskData:
    """The data cut to so many texts; None leaves it whole."""
    if texts is None:
        return data
    if not isinstance(data, Sampled.__bases__):
        raise UsageError(f"there is no way to take a part of {type(data).__name__}")
    return Sampled(inner=data, texts=texts)


# --- a part of each kind of problem


def _pairs(whole: PairProblem | BitextProblem, texts: int) -> PairProblem | BitextProblem:
    both = [f"{a}\t{b}" for a, b in zip(whole[0], whole[1], strict=True)]
    return taken(whole, drawn(both, texts // 2))


def _labels(whole: LabelProblem, texts: int) -> LabelProblem:
    train, test = _two_parts(whole, whole.train_texts, whole.texts, texts)
    if len(train):
        both = np.intersect1d(whole.train_labels[train], whole.labels[test])
        train = train[np.isin(whole.train_labels[train], both)]
        test = test[np.isin(whole.labels[test], both)]
    if not len(test):
        raise UsageError(f"{texts} texts are too few to keep a label in both parts")
    part = taken(whole, train, ("train_texts", "train_labels"))
    return taken(part, test, ("texts", "labels", "clusters"))


def _tags(whole: TaggingProblem, texts: int) -> TaggingProblem:
    train, test = (
        [" ".join(words) for words in sentences]
        for sentences in (whole.train_sentences, whole.sentences)
    )
    rows = _two_parts(whole, train, test, texts)
    part = taken(whole, rows[0], ("train_sentences", "train_places", "train_labels"))
    return taken(part, rows[1], ("sentences", "places", "labels", "clusters"))


def _reranking(whole: RerankingProblem, texts: int) -> RerankingProblem:
    kept, used = [], 0
    for query in order(whole.queries):
        size = 1 + len(whole.candidates[query])
        if not kept or used + size <= texts:
            kept.append(query)
            used += size
    return taken(whole, np.sort(kept))


def _retrieval(whole: RetrievalProblem, texts: int) -> RetrievalProblem:
    if len(whole.queries) + len(whole.documents) <= texts:
        return whole
    asked, answers = _asked(whole, texts)
    if not asked:
        raise UsageError(f"no query of this set fits into {texts} texts with its answers")
    others = [n for n in range(len(whole.documents)) if n not in answers]
    fill = drawn([whole.documents[n] for n in others], texts - len(asked) - len(answers))
    corpus = sorted(answers | {others[n] for n in fill})
    part = taken(whole, np.sort(asked), ("queries", "relevant", "clusters", "excluded"))
    place = {document: n for n, document in enumerate(corpus)}
    # Documents that the whole corpus lacks still lie beyond its part.
    lacking = len(corpus) - len(whole.documents)
    return part._replace(
        documents=[whole.documents[n] for n in corpus],
        relevant=[
            {place.get(n, n + lacking): grade for n, grade in of.items()} for of in part.relevant
        ],
        excluded=(
            None
            if part.excluded is None
            else np.array([place.get(int(n), -1) for n in part.excluded], np.int32)
        ),
    )


def _asked(whole: RetrievalProblem, texts: int) -> tuple[list[int], set[int]]:
    """Queries that fit with their answers, and these."""
    asked: list[int] = []
    answers: set[int] = set()
    for query in order(whole.queries):
        if len(asked) == max(1, texts // 4):
            break
        more = answers | {n for n in whole.relevant[query] if n < len(whole.documents)}
        if len(asked) + 1 + len(more) <= texts * 3 // 4:
            asked.append(query)
            answers = more
    return asked, answers


PARTS: dict[type, Callable[[Any, int], Any]] = {
    RetrievalProblem: _retrieval,
    PairProblem: _pairs,
    LabelProblem: _labels,
    BitextProblem: _pairs,
    RerankingProblem: _reranking,
    TaggingProblem: _tags,
}
"""Kind of problem to what takes a part of it."""


# --- which texts


def order(texts: Iterable[str]) -> list[int]:
    """Positions in the order of a hash of the texts; equal texts in their own order."""
    hashed = [
        (hashlib.blake2b(t.encode("utf-8", "replace")).digest(), n) for n, t in enumerate(texts)
    ]
    return [n for _, n in sorted(hashed)]


def drawn(texts: Sequence[str], count: int) -> Rows:
    """Positions of at most `count` texts, in their own order."""
    kept = range(len(texts)) if len(texts) <= count else sorted(order(texts)[: max(0, count)])
    return np.fromiter(kept, np.int64)


def _two_parts(
    whole: LabelProblem | TaggingProblem, train: list[str], judged: list[str], texts: int
) -> tuple[Rows, Rows]:
    """Half the texts to fit on and half to judge, or what the other part leaves."""
    half = texts // 2
    fitted = min(len(train), max(half, texts - len(judged)))
    rest = min(len(judged), max(half, texts - len(train)))
    return (
        _in_proportion(train, whole.train_labels, fitted),
        _in_proportion(judged, whole.labels, rest),
    )


def _in_proportion(texts: Sequence[str], labels: Int[np.ndarray, " texts"], count: int) -> Rows:
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
