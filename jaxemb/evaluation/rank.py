"""Rank evaluation: where does the partner of a pair stand among a large background?"""

import abc
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from jaxemb.config import Above, AtMost, Part
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import PairData, PairProblem, TaskData, taken
from jaxemb.evaluation.pydocs import PyDocsGrades
from jaxemb.evaluation.tables import TableFile
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import at_least_as_high, unit_rows
from jaxemb.vectors.cache import Embed

Texts = Float[np.ndarray, "texts width"]
Rows = Float[np.ndarray, "rows width"]
Columns = Float[np.ndarray, "columns width"]
Scores = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True, kw_only=True)
class NearestPairs(PairData):
    """The pairs of another set whose gold value lies in its top `share`: those that mean the same.

    The bound is the quantile 1 - `share` of the gold values; pairs at the bound are in.

    Reference: Wang, Kuo and Li, Just Rank (arXiv:2203.02679).
    """

    inner: PairData = field(default_factory=PyDocsGrades)
    share: Annotated[float, Above(0), AtMost(1)] = 0.25

    def load(self) -> PairProblem:
        problem = self.inner.load()
        bound = np.quantile(problem.gold, 1 - self.share, method="lower")
        return taken(problem, np.flatnonzero(problem.gold >= bound))


class Background(TaskData):
    """Slot: the texts that partners are ranked among, a list in which equal ones count once."""


@dataclass(frozen=True, kw_only=True)
class PairTexts(Background):
    """Every text of a set of pairs, whatever the pairs' gold values."""

    pairs: PairData = field(default_factory=PyDocsGrades)

    def load(self) -> list[str]:
        problem = self.pairs.load()
        return list(dict.fromkeys(problem.first + problem.second))


@dataclass(frozen=True, kw_only=True)
class TextColumn(TableFile, Background):
    """One column of a table: a vocabulary, a list of sentences."""

    column: str = "text"

    def load(self) -> list[str]:
        return list(dict.fromkeys(self.table().texts(self.column)))

    def on(self, split: str) -> "TextColumn":
        """A vocabulary is the same for every split of the pairs that are ranked among it."""
        return self


@dataclass(frozen=True, kw_only=True)
class Preparation(Part, abc.ABC):
    """Slot: what is done to all vectors, by what is seen of the background alone."""

    @abc.abstractmethod
    def __call__(self, background: Texts, vectors: Rows) -> Rows:
        """The vectors, changed."""


@dataclass(frozen=True, kw_only=True)
class AsTheyAre(Preparation):
    """Leaves the vectors as the model gives them."""

    def __call__(self, background: Texts, vectors: Rows) -> Rows:
        return vectors


@dataclass(frozen=True, kw_only=True)
class Centred(Preparation):
    """Less the mean of the background, which a vector common to all texts does not survive."""

    def __call__(self, background: Texts, vectors: Rows) -> Rows:
        return vectors - background.mean(axis=0)


@dataclass(frozen=True, kw_only=True)
class Nearness(Part, abc.ABC):
    """Slot: nearness of every row of one matrix to every row of another."""

    @abc.abstractmethod
    def __call__(self, one: Rows, other: Columns) -> Scores:
        """Higher is nearer; of order 1, so that differences below rounding are ties."""


@dataclass(frozen=True, kw_only=True)
class ByCosine(Nearness):
    """cos(a, b)."""

    def __call__(self, one: Rows, other: Columns) -> Scores:
        return unit_rows(one) @ unit_rows(other).T


@dataclass(frozen=True, kw_only=True)
class ByDistance(Nearness):
    """1 / (1 + ‖a - b‖)."""

    def __call__(self, one: Rows, other: Columns) -> Scores:
        # In float64: of long vectors that are near each other, float32 loses the whole difference.
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        lengths = np.sum(one**2, axis=1)[:, None] + np.sum(other**2, axis=1)
        squares = np.maximum(lengths - 2 * one @ other.T, 0)
        return (1 / (1 + np.sqrt(squares))).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PartnerRank(Task):
    """Ranks one text of every pair by its nearness to the other, among the background.

        rank = 1 + number of background texts, other than the pair's own, strictly nearer to a than b

    Metrics: `mrr`, `mean_rank`, `hits@1`, `hits@3`; `tied`, the share of pairs for which some
    background text is exactly as near as the partner. Ties do not count as nearer: a model that
    maps all texts to one vector ranks everything first, and only `tied` shows it. Records: the
    metrics. Similarity scores order all pairs; this looks only at those that people find alike.

    Reference: Wang, Kuo and Li, Just Rank: Rethinking Evaluation with Word and Sentence Similarities
    (arXiv:2203.02679), where sentences are centred and words are not.

    Example:
        >>> PartnerRank(name="rank", prepare=Centred(), nearness=ByDistance()).metrics
        ('mrr', 'mean_rank', 'hits@1', 'hits@3', 'tied')
    """

    metrics: ClassVar[tuple[str, ...]] = ("mrr", "mean_rank", "hits@1", "hits@3", "tied")
    name: str = "partner_rank"
    data: PairData = field(default_factory=NearestPairs)
    background: Background = field(default_factory=PairTexts)
    role: str = "query"
    prepare: Preparation = field(default_factory=Centred)
    nearness: Nearness = field(default_factory=ByCosine)

    def run(self, embed: Embed) -> Result:
        problem, texts = self.data.load(), list(dict.fromkeys(self.background.load()))
        known = embed(texts, self.role)
        anchors, partners = (
            self.prepare(known, embed(side, self.role)) for side in (problem.first, problem.second)
        )
        left_out = places_of_pairs(problem, texts)
        background = self.prepare(known, known)
        rank, tied = ranks(anchors, partners, background, left_out, self.nearness)
        records = {
            "mrr": 1 / rank,
            "mean_rank": rank,
            "hits@1": (rank <= 1).astype(np.float64),
            "hits@3": (rank <= 3).astype(np.float64),
            "tied": tied.astype(np.float64),
        }
        return self.scored(records, problem.clusters)

    def on(self, split: str) -> "PartnerRank":
        return dataclasses.replace(super().on(split), background=self.background.on(split))


def places_of_pairs(problem: PairProblem, texts: Sequence[str]) -> list[list[int]]:
    """Where the two texts of every pair stand in the background, which they are not compared with."""
    place = {text: number for number, text in enumerate(texts)}
    pairs = zip(problem.first, problem.second, strict=True)
    return [[place[text] for text in {a, b} if text in place] for a, b in pairs]


def ranks(
    anchors: Float32[np.ndarray, "pairs width"],
    partners: Float32[np.ndarray, "pairs width"],
    background: Float32[np.ndarray, "texts width"],
    left_out: Sequence[Sequence[int]],
    nearness: Nearness,
    *,
    block: int = 256,
) -> tuple[Float64[np.ndarray, " pairs"], Bool[np.ndarray, " pairs"]]:
    """Rank of every partner, and whether a background text ties with it; memory `[block, texts]`."""
    rank, tied = np.ones(len(anchors)), np.zeros(len(anchors), bool)
    for start in range(0, len(anchors), block):
        part = slice(start, start + block)
        scores = nearness(anchors[part], background)
        for row, places in enumerate(left_out[part]):
            scores[row, list(places)] = -np.inf
        partner = np.diagonal(nearness(anchors[part], partners[part]))
        above, not_below = at_least_as_high(scores, partner)
        rank[part] += above
        tied[part] = not_below > above
    return rank, tied
