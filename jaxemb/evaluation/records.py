"""Task data from any source of records, and the task that a prepared TFDS data set gives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.data import TFDS, Source
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    RetrievalData,
    RetrievalProblem,
    TaskData,
    kept,
)
from jaxemb.evaluation.pydocs import some
from jaxemb.evaluation.sts import STS, PairClassification
from jaxemb.evaluation.tables import Table
from jaxemb.evaluation.words.problems import TripletData, TripletProblem


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
class EntailmentRecords(Records, PairData):
    """Pairs whose gold value is the number of their label, for a probe of entailment.

    Labels are numbered by `classes`; records of other labels are left out. With two classes, the
    first is what matches: gold 1, as for `EntailmentFile`. Every pair is its own cluster.

    Raises:
        UsageError: a field is absent, or no record has one of the labels.
    """

    first: str = "premise"
    second: str = "hypothesis"
    label: str = "label"
    classes: tuple[str, ...] = ("entailment", "neutral", "contradiction")

    def load(self) -> PairProblem:
        whole = self.table(self.split)
        whole.values(self.label)
        number = {name: n for n, name in enumerate(self.classes)}
        table = whole.keep(lambda row: str(row[self.label]) in number)
        if not len(table):
            raise UsageError(f"no record is labelled {' or '.join(self.classes)}")
        gold = np.array([number[name] for name in table.texts(self.label)], np.float64)
        return PairProblem(
            table.texts(self.first),
            table.texts(self.second),
            1 - gold if len(number) == 2 else gold,
            table.count(),
        )


@dataclass(frozen=True, kw_only=True)
class SecondAlone(PairData):
    """Other pairs with the first text left empty: what do the second texts give away by themselves?

    A classifier of pairs that does no better with both texts has learned nothing about pairs. Of
    entailment it is the baseline that reads the hypothesis alone.

    Reference: Gururangan et al., Annotation Artifacts in Natural Language Inference Data,
    arXiv:1803.02324; Poliak et al., Hypothesis Only Baselines, arXiv:1805.01042.
    """

    inner: PairData

    def load(self) -> PairProblem:
        problem = self.inner.load()
        return problem._replace(first=[""] * len(problem.first))


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


@dataclass(frozen=True, kw_only=True)
class RetrievalRecords(Records, RetrievalData):
    """One text of a record is asked for by another: the documents are the split's different ones.

    Records with equal queries are one query, to which all their documents are relevant (grade 1). At
    most `queries` are asked, drawn by `seed`; every query is its own cluster.

    Raises:
        UsageError: a field is absent.

    Example:
        >>> from jaxemb.data import GivenTexts
        >>> RetrievalRecords(source=GivenTexts(texts=("a",)), query="text", document="text").queries
        500
    """

    query: str = "query"
    document: str = "positive"
    queries: Annotated[int, AtLeast(1)] | None = 500
    seed: Annotated[int, AtLeast(0)] = 0

    @kept
    def load(self) -> RetrievalProblem:
        table = self.table(self.split)
        answers: dict[str, set[str]] = {}
        for asked, text in zip(table.texts(self.query), table.texts(self.document), strict=True):
            answers.setdefault(asked, set()).add(text)
        chosen = some(sorted(answers), self.queries, np.random.default_rng(self.seed))
        documents = sorted(set().union(*answers.values()))
        place = {text: number for number, text in enumerate(documents)}
        return RetrievalProblem(
            queries=chosen,
            documents=documents,
            relevant=[{place[text]: 1 for text in sorted(answers[asked])} for asked in chosen],
            clusters=np.arange(len(chosen), dtype=np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class TripletRecords(Records, TripletData):
    """An anchor, a text that should be near it, and one that should be further, from fields.

    A field that holds a list gives its first text. Every record is its own cluster.

    Raises:
        UsageError: a field is absent.
    """

    anchor: str = "anchor"
    nearer: str = "positive"
    farther: str = "negative"

    def load(self) -> TripletProblem:
        rows = [
            {name: v[0] if isinstance(v, (list, tuple)) and v else v for name, v in row.items()}
            for row in self.source.records(self.split)
        ]
        table = Table(rows, f"split {self.split}")
        columns = (table.texts(name) for name in (self.anchor, self.nearer, self.farther))
        return TripletProblem(*columns, table.count())


_PAIRS = (("sentence1", "sentence2"), ("question1", "question2"), ("text1", "text2"))
_TEXTS = ("text", "sentence", "description")


def tfds_tasks(name: str, data_dir: str | Path | None = None) -> tuple[Task, ...]:
    """The task of a prepared data set: two texts and a number are STS, two texts and one of two
    classes are pair classification, a text and a class are classification.

    Judged on `test`, or on `dev` where the test labels are absent or hidden.

    Args:
        name: `glue/stsb`, `ag_news_subset`, ...
        data_dir: where prepared data sets are; see `TFDS`.

    Raises:
        UsageError: the set is not there, or its features are not those of a task.
    """
    source = TFDS(name=name, data_dir=str(data_dir or ""))
    features = source.features()
    split = _judged(source)
    title = name.replace("/", "-").replace(":", "-")
    classes = getattr(features.get("label"), "num_classes", None)
    pair = next((p for p in _PAIRS if set(p) <= set(features)), None)
    text = next((t for t in _TEXTS if t in features), None)
    if "label" in features and pair is not None and classes in (None, 2):
        data = PairRecords(source=source, split=split, first=pair[0], second=pair[1])
        made = STS if classes is None else PairClassification
        return (made(name=title, data=data),)
    if classes is not None and text is not None:
        return (
            Classification(name=title, data=LabelRecords(source=source, split=split, text=text)),
        )
    raise UsageError(
        f"{name} has the features {', '.join(features)}: no task is known for them; there are two "
        "texts with a number or one of two classes as label, and a text with a class"
    )


def _judged(source: TFDS) -> str:
    splits = source.splits()
    for split in ("test", "dev"):
        if split in splits:
            labels = [record.get("label", 0) for record in source.records(split)]
            if np.any(np.asarray(labels) != -1):
                return split
    raise UsageError(f"{source.name} has no test or dev split with labels")
