"""Task data from any source of records, such as a prepared TFDS data set."""

from dataclasses import dataclass

from jaxemb.data import Source
from jaxemb.evaluation.problems import LabelData, LabelProblem, PairData, PairProblem, TaskData
from jaxemb.evaluation.tables import Table


@dataclass(frozen=True, kw_only=True)
class Records(TaskData):
    """Base of data from the fields of a source's records, judged on `split`."""

    source: Source
    split: str = "test"

    def table(self, split: str) -> Table:
        """The records of a split."""
        return Table(self.source.records(split), f"split {split}")


@dataclass(frozen=True, kw_only=True)
class PairRecords(Records, PairData):
    """Pairs with a gold value from the fields of records. Every pair is its own cluster.

    Raises:
        UsageError: a field is absent, or the split's gold values are hidden (all -1).
    """

    first: str = "sentence1"
    second: str = "sentence2"
    gold: str = "label"

    def load(self) -> PairProblem:
        table = self.table(self.split)
        return PairProblem(
            table.texts(self.first), table.texts(self.second), table.gold(self.gold), table.count()
        )


@dataclass(frozen=True, kw_only=True)
class LabelRecords(Records, LabelData):
    """Labelled texts from the fields of records: `train` to fit on, `split` to judge.

    Raises:
        UsageError: a field is absent, or the split's labels are hidden (all -1).
    """

    text: str = "text"
    label: str = "label"

    def load(self) -> LabelProblem:
        train, judged = self.table("train"), self.table(self.split)
        judged.check_shown(judged.values(self.label))
        return LabelProblem.of(
            *(zip(p.texts(self.text), p.values(self.label), strict=True) for p in (train, judged))
        )
