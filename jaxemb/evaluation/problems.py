"""What tasks are judged on: the slot bases for task data, and the plain sets they load.

A task never cares where its texts come from. `RetrievalData`, `PairData`, `LabelData` and the others
are slots; `jaxemb.evaluation.pydocs` and `pydocs_sets` fill them from Python's documentation,
`jaxemb.evaluation.files` from tables.
"""

import abc
import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32

from jaxemb.config import Part, UsageError, fingerprint


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

    @classmethod
    def of(
        cls,
        train: Iterable[tuple[str, Any]],
        judged: Iterable[tuple[str, Any]],
        clusters: Sequence[str] | None = None,
    ) -> "LabelProblem":
        """From pairs of a text and its label by name; every text its own cluster, unless given."""
        train, judged = list(train), list(judged)
        names, labels = numbered([label for _, label in [*train, *judged]])
        count = np.arange(len(judged), dtype=np.int32)
        return cls(
            train_texts=[text for text, _ in train],
            train_labels=labels[: len(train)],
            texts=[text for text, _ in judged],
            labels=labels[len(train) :],
            clusters=count if clusters is None else cluster_numbers(clusters),
            names=names,
        )


class LabelSetProblem(NamedTuple):
    """Texts that carry several labels each: a part to fit on, a part to judge, one column per label."""

    train_texts: list[str]
    train_labels: Bool[np.ndarray, "train labels"]
    texts: list[str]
    labels: Bool[np.ndarray, "texts labels"]
    clusters: Int32[np.ndarray, " texts"]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        train_texts: list[str],
        texts: list[str],
        train_sets: Sequence[set[str]],
        sets: Sequence[set[str]],
        *,
        least: int = 1,
        clusters: Sequence[str] | None = None,
    ) -> "LabelSetProblem":
        """From each text's set of labels, of which those stay that `least` texts of each part have.

        Raises:
            UsageError: if fewer than two labels stay.
        """
        counts = [Counter(itertools.chain(*part)) for part in (train_sets, sets)]
        names = tuple(sorted(n for n in counts[0] if min(of[n] for of in counts) >= least))
        if len(names) < 2:
            raise UsageError(
                f"the training and the test part share fewer than two labels of {least} texts each"
            )
        carried = [np.array([[n in s for n in names] for s in part]) for part in (train_sets, sets)]
        count = np.arange(len(texts), dtype=np.int32)
        numbers = count if clusters is None else cluster_numbers(clusters)
        return cls(train_texts, carried[0], texts, carried[1], numbers, names)


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

    @abc.abstractmethod
    def load(self) -> Any:
        """The problem; the same one at every call."""

    def on(self, split: str) -> "TaskData":
        """The same data's other split; of data made from other data, the same of their other split.

        Raises:
            UsageError: if the data has no splits.
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if "split" in values:
            return dataclasses.replace(self, split=split)
        inner = {name: v.on(split) for name, v in values.items() if isinstance(v, TaskData)}
        if not inner:
            raise UsageError(f"{type(self).__name__} has no splits, so no {split}")
        return dataclasses.replace(self, **inner)

    def fingerprint(self) -> str:
        """Changes whenever the texts, the gold values or their order could."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return fingerprint(self, *(v.fingerprint() for v in values if hasattr(v, "fingerprint")))


kept = functools.lru_cache(maxsize=16)
"""Keeps what `load` gives, by the part: a run evaluates many models on the same data."""


class RetrievalData(TaskData):
    """Slot: queries, documents and judgements. Loads a `RetrievalProblem`."""


class PairData(TaskData):
    """Slot: pairs of texts with a gold value. Loads a `PairProblem`."""


class LabelData(TaskData):
    """Slot: labelled texts. Loads a `LabelProblem`."""


class LabelSetData(TaskData):
    """Slot: texts with several labels each. Loads a `LabelSetProblem`."""


class BitextData(TaskData):
    """Slot: texts that say the same in two languages. Loads a `BitextProblem`."""


class RerankingData(TaskData):
    """Slot: queries with candidates of their own. Loads a `RerankingProblem`."""


class SummaryData(TaskData):
    """Slot: graded summaries. Loads a `SummaryProblem`."""


def taken(problem: Any, rows: Sequence[int] | np.ndarray, names: Sequence[str] = ()) -> Any:
    """A problem with only these rows of the named fields; of all of them, where none is named."""
    columns = {name: getattr(problem, name) for name in names or problem._fields}
    return problem._replace(
        **{
            name: [column[n] for n in rows] if isinstance(column, list) else column[rows]
            for name, column in columns.items()
            if column is not None
        }
    )


def numbered(names: Sequence[Any]) -> tuple[tuple[str, ...], Int32[np.ndarray, " examples"]]:
    """The different names in ascending order, and the number of each example's name."""
    different, numbers = np.unique(np.asarray(names), return_inverse=True)
    return tuple(map(str, different.tolist())), numbers.astype(np.int32)


def cluster_numbers(clusters: Sequence[str]) -> Int32[np.ndarray, " examples"]:
    """Equal names to equal numbers, from 0 in alphabetical order."""
    return numbered(clusters)[1]
