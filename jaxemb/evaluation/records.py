"""Task data from any source of records, such as a prepared TFDS data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import Source
from jaxemb.evaluation.problems import LabelData, LabelProblem, PairData, PairProblem


@dataclass(frozen=True, kw_only=True)
class PairRecords(PairData):
    """Pairs with a gold value from the fields of records. Every pair is its own cluster.

    Raises:
        UsageError: a field is absent, or the split's gold values are hidden (all -1).
    """

    source: Source
    split: str = "test"
    first: str = "sentence1"
    second: str = "sentence2"
    gold: str = "label"

    def load(self) -> PairProblem:
        records = self.source.records(self.split)
        gold = np.array(_field(records, self.gold), np.float64)
        _check_shown(gold, self.split)
        return PairProblem(
            first=[str(text) for text in _field(records, self.first)],
            second=[str(text) for text in _field(records, self.second)],
            gold=gold,
            clusters=np.arange(len(records), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class LabelRecords(LabelData):
    """Labelled texts from the fields of records: `train` to fit on, `split` to judge.

    Raises:
        UsageError: a field is absent, or the split's labels are hidden (all -1).
    """

    source: Source
    split: str = "test"
    text: str = "text"
    label: str = "label"

    def load(self) -> LabelProblem:
        train, test = self.source.records("train"), self.source.records(self.split)
        labels = np.array([*_field(train, self.label), *_field(test, self.label)])
        _check_shown(labels[len(train) :], self.split)
        names, numbers = np.unique(labels, return_inverse=True)
        return LabelProblem(
            train_texts=[str(text) for text in _field(train, self.text)],
            train_labels=numbers[: len(train)].astype(np.int32),
            texts=[str(text) for text in _field(test, self.text)],
            labels=numbers[len(train) :].astype(np.int32),
            clusters=np.arange(len(test), dtype=np.int32),
            names=tuple(str(name) for name in names),
        )

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


def _field(records: Sequence[dict[str, Any]], name: str) -> list[Any]:
    if records and name not in records[0]:
        raise UsageError(f"the records have no field {name}; they have {', '.join(records[0])}")
    return [record[name] for record in records]


def _check_shown(gold: np.ndarray, split: str) -> None:
    """GLUE and others publish their test texts without gold values, all -1."""
    if len(gold) and np.issubdtype(gold.dtype, np.number) and np.all(gold == -1):
        raise UsageError(f"the gold values of split {split} are hidden (all -1)")
