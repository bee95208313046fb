"""What tasks are judged on: the slot bases for task data, and the plain sets they load.

A task never cares where its texts come from. `RetrievalData`, `PairData`, `LabelData` and the others
are slots; `jaxemb.evaluation.pydocs` and `pydocs_sets` fill them from Python's documentation,
`jaxemb.evaluation.files` and `file_sets` from files.
"""

import abc
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32

from jaxemb.config import Part, UsageError


class RetrievalProblem(NamedTuple):
    """Queries, a corpus, and which documents answer which query.

    `relevant[q]` maps document numbers to a grade above zero; `excluded[q]`, where given, is a
    document number that query `q` must not get back (itself, where queries come from the corpus),
    or -1.
    """

    queries: list[str]
    documents: list[str]
    relevant: list[dict[int, int]]
    clusters: Int32[np.ndarray, " queries"]
    excluded: Int32[np.ndarray, " queries"] | None = None


class PairProblem(NamedTuple):
    """Pairs of texts with a gold value: a grade of similarity, or 1 for a match and 0 for none."""

    first: list[str]
    second: list[str]
    gold: Float64[np.ndarray, " pairs"]
    clusters: Int32[np.ndarray, " pairs"]


class LabelProblem(NamedTuple):
    """Labelled texts: a part to fit a probe on and a part to judge; clustering reads the latter."""

    train_texts: list[str]
    train_labels: Int32[np.ndarray, " train"]
    texts: list[str]
    labels: Int32[np.ndarray, " texts"]
    clusters: Int32[np.ndarray, " texts"]
    names: tuple[str, ...]


class LabelSetProblem(NamedTuple):
    """Texts that carry several labels each: a part to fit on, a part to judge, a column a label."""

    train_texts: list[str]
    train_labels: Bool[np.ndarray, "train labels"]
    texts: list[str]
    labels: Bool[np.ndarray, "texts labels"]
    clusters: Int32[np.ndarray, " texts"]
    names: tuple[str, ...]


class BitextProblem(NamedTuple):
    """Two lists of texts that say the same, line by line, each text once in its list."""

    source: list[str]
    target: list[str]
    clusters: Int32[np.ndarray, " pairs"]


class RerankingProblem(NamedTuple):
    """Queries with candidates of their own; `relevant[q][c]` is the grade of candidate c, or 0."""

    queries: list[str]
    candidates: list[list[str]]
    relevant: list[list[int]]
    clusters: Int32[np.ndarray, " queries"]


class SummaryProblem(NamedTuple):
    """For every text, summaries to be graded, what people graded them, and trusted summaries."""

    references: list[list[str]]
    summaries: list[list[str]]
    gold: list[list[float]]
    clusters: Int32[np.ndarray, " texts"]


@dataclass(frozen=True, kw_only=True)
class TaskData(Part, abc.ABC):
    """Base of the data slots."""

    def on(self, split: str) -> "TaskData":
        """The same data's other split.

        Raises:
            UsageError: if the data has no splits.
        """
        if "split" not in {field.name for field in dataclasses.fields(self)}:
            raise UsageError(f"{type(self).__name__} has no splits, so no {split}")
        return dataclasses.replace(self, split=split)

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever the texts, the gold values or their order could."""


@dataclass(frozen=True, kw_only=True)
class RetrievalData(TaskData):
    """Slot: where the queries, documents and judgements of a retrieval task come from."""

    @abc.abstractmethod
    def load(self) -> RetrievalProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class PairData(TaskData):
    """Slot: where pairs of texts with a gold value come from."""

    @abc.abstractmethod
    def load(self) -> PairProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class LabelData(TaskData):
    """Slot: where labelled texts come from."""

    @abc.abstractmethod
    def load(self) -> LabelProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class LabelSetData(TaskData):
    """Slot: where texts with several labels each come from."""

    @abc.abstractmethod
    def load(self) -> LabelSetProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class BitextData(TaskData):
    """Slot: where texts that say the same in two languages come from."""

    @abc.abstractmethod
    def load(self) -> BitextProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class RerankingData(TaskData):
    """Slot: where queries with candidates of their own come from."""

    @abc.abstractmethod
    def load(self) -> RerankingProblem:
        """The problem; the same one at every call."""


@dataclass(frozen=True, kw_only=True)
class SummaryData(TaskData):
    """Slot: where graded summaries come from."""

    @abc.abstractmethod
    def load(self) -> SummaryProblem:
        """The problem; the same one at every call."""


def cluster_numbers(clusters: Sequence[str]) -> Int32[np.ndarray, " examples"]:
    """Equal names to equal numbers, from 0 in alphabetical order."""
    return np.unique(np.asarray(clusters, dtype=str), return_inverse=True)[1].astype(np.int32)
