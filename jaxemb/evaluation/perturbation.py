"""How far does a document's vector move when some of its words are replaced by any others?"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int32, Shaped

from jaxemb.analysis import HammingBound
from jaxemb.config import AtLeast, Between, UsageError, smaller
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import LabelData, LabelProblem
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.losses import Cosine
from jaxemb.retrieval.lexical import words
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed

Words = Shaped[np.ndarray, "documents words"]
Strings = Shaped[np.ndarray, " vocabulary"]


@dataclass(frozen=True, kw_only=True)
class Perturbation(Task):
    """Replaces words by others drawn uniformly from the vocabulary, and measures the distance.

    A document is the words (lower-cased runs of letters and digits) of one text or, where texts
    share a cluster, of all of it; its first `T` words are embedded. Two curves are drawn, each point
    a mean over `draws` sets of positions: the distance for every number of words in `replaced`, at
    the largest of `lengths`; and the distance for `held` words at every length.

    Metrics: `growth` and `decay`, the slopes of log mean distance against log words replaced and
    against log length (1: proportional, 0: unmoved by it); `distance` for `held` words at the largest
    length, and `relative`, the same over the document's mean distance to the others; `violations`,
    the share of pairs beyond the bound, and `tightness`, a document's largest distance over bound.

    Vectors that are compared by their direction alone are taken at unit length, whose trivial bound
    is 2; others, as of an embedder with the similarity `Dot` or `Euclidean`, as they are. A model
    that is a bag of tokens is judged against `jaxemb.analysis.HammingBound`. What has no bound at
    all has the tightness 0.

    Records: `by_count` and `counts` `[documents, points]`, `by_length` and `lengths`, and the last
    four metrics.

    Reference: On the Robustness of Text Vectorizers, arXiv:2303.07203.

    Raises:
        UsageError: if no two documents are long enough, or more words are to be replaced than are
            there.

    Example:
        >>> Perturbation().metrics
        ('growth', 'decay', 'distance', 'relative', 'violations', 'tightness')
    """

    metrics: ClassVar[tuple[str, ...]] = (
        "growth",
        "decay",
        "distance",
        "relative",
        "violations",
        "tightness",
    )
    name: str = "perturbation"
    data: LabelData = field(default_factory=lambda: PyDocsLabels(train=2000, texts=2000))
    replaced: Annotated[tuple[int, ...], AtLeast(0)] = (1, 2, 4, 8, 16, 32)
    lengths: Annotated[tuple[int, ...], AtLeast(1)] = (16, 32, 64, 128)
    held: Annotated[int, AtLeast(1)] = 5
    draws: Annotated[int, AtLeast(1)] = 5
    documents: Annotated[int, AtLeast(1)] = 40
    vocabulary: Annotated[int, Between(1, 2**31)] = 2000
    role: str = "document"
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        if min((*self.replaced, self.held)) < 1 or max(self.replaced) > max(self.lengths):
            raise UsageError(
                f"replaced={self.replaced} and held={self.held} must lie between 1 and the number "
                f"of words that are there, {max(self.lengths)}."
            )
        if self.held > min(self.lengths):
            raise UsageError(f"held={self.held} is more than the shortest of {self.lengths} words.")

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        longest = max(self.lengths)
        documents, clusters = long_documents(problem, longest, self.documents)
        terms = frequent(problem.train_texts, self.vocabulary)
        measure = _Measure.of(embed, self.role)
        draw = np.random.default_rng(self.seed)

        def points(settings: Sequence[tuple[int, int]]) -> list[_Point]:
            return [self._point(measure, documents[:, :n], k, terms, draw) for n, k in settings]

        by_count = points([(longest, count) for count in self.replaced])
        by_length = points([(length, self.held) for length in self.lengths])
        apart = between(measure.vectors(documents))
        return self._result(by_count, by_length, apart, clusters)

    def _point(
        self, measure: "_Measure", documents: Words, count: int, terms: Strings,
        draw: np.random.Generator,
    ) -> "_Point":  # fmt: skip
        """Distances and bounds `[documents, draws]` after replacing `count` words."""
        kept = measure.vectors(documents)
        distances, bounds = [], []
        for _ in range(self.draws):
            changed = replace(documents, count, terms, draw)
            distances.append(np.linalg.norm(measure.vectors(changed) - kept, axis=1))
            bounds.append(measure.bound(documents, changed))
        return _Point(np.stack(distances, axis=1).astype(np.float64), np.stack(bounds, axis=1))

    def _result(
        self, by_count: Sequence["_Point"], by_length: Sequence["_Point"],
        apart: Float64[np.ndarray, " documents"], clusters: Int32[np.ndarray, " documents"],
    ) -> Result:  # fmt: skip
        ratios = np.concatenate([point.ratios for point in (*by_count, *by_length)], axis=1)
        last = by_length[self.lengths.index(max(self.lengths))].means
        records = {
            "by_count": np.stack([point.means for point in by_count], axis=1),
            "counts": np.tile(np.array(self.replaced, np.float64), (len(last), 1)),
            "by_length": np.stack([point.means for point in by_length], axis=1),
            "lengths": np.tile(np.array(self.lengths, np.float64), (len(last), 1)),
            "distance": last,
            "relative": np.divide(last, apart, out=np.zeros_like(last), where=apart > 0),
            # A distance of exactly the bound is within it, whatever the rounding.
            "violations": np.mean(ratios > 1 + 1e-5, axis=1),
            "tightness": ratios.max(axis=1),
        }
        return self.scored(records, clusters)

    def small(self) -> "Perturbation":
        return smaller(self, draws=1, documents=16, vocabulary=512)


# --- documents and what happens to them


def frequent(texts: Sequence[str], size: int) -> Strings:
    """The most frequent words of the texts, in an order that depends on nothing else."""
    counts = Counter(word for text in texts for word in words(text))
    return np.array(sorted(counts, key=lambda word: (-counts[word], word))[:size])


def long_documents(
    problem: LabelProblem, length: int, most: int
) -> tuple[Words, Int32[np.ndarray, " documents"]]:
    """The first `length` words of up to `most` documents that have so many, and their clusters."""
    found: dict[int, list[str]] = {}
    for text, cluster in zip(problem.texts, problem.clusters.tolist(), strict=True):
        found.setdefault(cluster, []).extend(words(text))
    kept = {name: text[:length] for name, text in found.items() if len(text) >= length}
    if len(kept) < 2:
        raise UsageError(f"{len(kept)} documents have {length} words; two are needed.")
    kept = dict(list(kept.items())[:most])
    return np.array(list(kept.values())), np.array(list(kept), np.int32)


def replace(documents: Words, count: int, vocabulary: Strings, draw: np.random.Generator) -> Words:
    """Other words in `count` random places of every document: never the word that was there."""
    changed = documents.astype(object)
    for row in changed:
        for place in draw.choice(len(row), count, replace=False):
            others = vocabulary[vocabulary != row[place]]
            row[place] = others[draw.integers(len(others))]
    return changed.astype(str)


def between(
    vectors: Float[np.ndarray, "documents width"],
) -> Float64[np.ndarray, " documents"]:
    """The mean distance of every row to the other rows."""
    from scipy.spatial.distance import cdist

    vectors = np.asarray(vectors, np.float64)
    return cdist(vectors, vectors).sum(axis=1) / (len(vectors) - 1)


# --- what is measured


class _Point(NamedTuple):
    """One point of a curve: distances and bounds, `[documents, draws]`."""

    distances: Float64[np.ndarray, "documents draws"]
    bounds: Float64[np.ndarray, "documents draws"]

    @property
    def ratios(self) -> Float64[np.ndarray, "documents draws"]:
        """Distances over bounds. Words that a model reads alike may have the bound 0."""
        at_none = np.where(self.distances > 0, np.inf, 0.0)
        return np.divide(self.distances, self.bounds, out=at_none, where=self.bounds > 0)

    @property
    def means(self) -> Float64[np.ndarray, " documents"]:
        return self.distances.mean(axis=1)


class _Measure(NamedTuple):
    """Documents to vectors, and two lists of documents to bounds on the distance of their vectors."""

    vectors: Callable[[Words], Float[np.ndarray, "documents width"]]
    bound: Callable[[Words, Words], Float64[np.ndarray, " documents"]]

    @classmethod
    def of(cls, embed: Embed, role: str) -> "_Measure":
        """The vectors of what embeds, and the least bound that is known of it."""
        model = getattr(embed, "model", None)
        directions = getattr(embed, "similarity", Cosine()).ignores_length
        most = 2.0 if directions else np.inf
        own = None if model is None else HammingBound(model, role)

        def vectors(documents: Words) -> Float[np.ndarray, "documents width"]:
            found = embed(_texts(documents), role)
            return unit_rows(found) if directions else found

        def bound(*sides: Words) -> Float64[np.ndarray, " documents"]:
            trivial = np.full(len(sides[0]), most)
            return trivial if own is None else np.minimum(own(*map(_texts, sides)), trivial)

        return cls(vectors, bound)


def _texts(documents: Words) -> list[str]:
    return [" ".join(row) for row in documents]
