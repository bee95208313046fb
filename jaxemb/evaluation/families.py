"""What tasks a set of a family gives: the registry by which a folder of sets becomes tasks.

A family is an entry of `MAKERS`: its name in a manifest, and a function from a `Set` to tasks. A
set that is no task (pairs to train on, running text) says so in the sentence of a `NoTask`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxemb.data import read_rows
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.files import (
    AllLabelled,
    EntailmentFile,
    LabelFile,
    PairFile,
    RetrievalFolder,
    plain_or_gzipped,
)
from jaxemb.evaluation.pair_classification import PairClassification
from jaxemb.evaluation.problems import TaskData
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sampling import sampled
from jaxemb.evaluation.sts import STS

_MOST_PARTS = 10  # languages, where a set of many is cut to a few texts


class NoTask(Exception):
    """Why a set gives no task, in a sentence."""


class Set(NamedTuple):
    """A set of a folder: where it is, what its table holds, and how many of its texts to keep.

    `where` and the end of `name` say which part of a table is meant, such as one language.
    """

    family: str
    name: str
    path: str
    columns: tuple[str, ...] = ()
    texts: int | None = None
    where: tuple[str, ...] = ()

    def cut(self, data: TaskData) -> TaskData:
        """The data with as many texts as are wanted of this set."""
        return sampled(data, self.texts)

    def parts(self, column: str = "language") -> Iterator["Set"]:
        """The set of every value of a column, or itself where there is no such column.

        Of a set that is to be cut, ten values stand for all, evenly from their sorted list, and
        share its texts.
        """
        if column not in self.columns:
            yield self
            return
        values = sorted({str(row[column]) for row in read_rows(self.path)})
        if self.texts is not None and len(values) > _MOST_PARTS:
            values = [values[n * len(values) // _MOST_PARTS] for n in range(_MOST_PARTS)]
        texts = None if self.texts is None else self.texts // len(values)
        for value in values:
            yield self._replace(
                name=f"{self.name}-{value}", where=(f"{column}={value}",), texts=texts
            )


Maker = Callable[[Set], Sequence[Task]]


def _sts(given: Set) -> list[Task]:
    return [
        STS(name=part.name, data=part.cut(PairFile(path=part.path, where=part.where)))
        for part in given.parts()
    ]


def _nli(given: Set) -> list[Task]:
    data = given.cut(EntailmentFile(path=given.path))
    return [PairClassification(name=given.name, data=data)]


def _pairs(given: Set) -> list[Task]:
    if "label" not in given.columns:
        raise NoTask("it has matching pairs alone: pairs to train on, with none to tell apart")
    return [
        PairClassification(
            name=part.name, data=part.cut(PairFile(path=part.path, where=part.where))
        )
        for part in given.parts()
    ]


def _classification(given: Set) -> list[Task]:
    return [
        Classification(name=part.name, data=part.cut(LabelFile(path=part.path, where=part.where)))
        for part in given.parts()
    ]


def _clustering(given: Set) -> list[Task]:
    return [
        Clustering(name=part.name, data=part.cut(AllLabelled(path=part.path, where=part.where)))
        for part in given.parts()
    ]


def _retrieval(given: Set) -> list[Task]:
    return [Retrieval(name=given.name, data=given.cut(RetrievalFolder(path=given.path)))]


def _graph(given: Set) -> list[Task]:
    nodes = str(plain_or_gzipped(Path(given.path) / "nodes.tsv"))
    return [Classification(name=given.name, data=given.cut(LabelFile(path=nodes)))]


def _books(given: Set) -> list[Task]:
    raise NoTask("it is running text without labels: text to train on")


def _probing(given: Set) -> list[Task]:
    if "sentence" in given.columns and "position" not in given.columns:
        data = given.cut(LabelFile(path=given.path, text="sentence"))
        return [Classification(name=given.name, data=data)]
    raise NoTask("its labels belong to words in sentences, or compare two sentences")


def _phrases(given: Set) -> list[Task]:
    if "score" in given.columns:
        return _sts(given)
    if "label" in given.columns:
        data = given.cut(LabelFile(path=given.path, text="phrase"))
        return [Classification(name=given.name, data=data)]
    raise NoTask("its phrases have neither grades nor labels")


def _table(given: Set) -> list[Task]:
    raise NoTask(
        f"its columns ({', '.join(given.columns)}) are not those of a set: two texts (sentence1 and "
        "sentence2, or text1 and text2) with score or label, or text with label"
    )


MAKERS: dict[str, Maker] = {
    "sts": _sts,
    "nli": _nli,
    "retrieval": _retrieval,
    "classification": _classification,
    "clustering": _clustering,
    "pairs": _pairs,
    "graph": _graph,
    "probing": _probing,
    "phrases": _phrases,
    "books": _books,
    "table": _table,
}
"""Family to what makes its tasks."""
