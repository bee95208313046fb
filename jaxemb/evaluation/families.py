"""What tasks a set of a family gives: the registry by which a folder of sets becomes tasks.

A family is an entry of `MAKERS`: its name in a manifest, and a function from a `Set` to tasks. A
set that is no task (pairs to train on, running text) says so in the sentence of a `NoTask`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxemb.data import read_rows
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.bitext import BitextMining
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.files import (
    AllLabelled,
    BitextFile,
    EntailmentFile,
    LabelFile,
    PairFile,
    RerankingFile,
)
from jaxemb.evaluation.folders import RetrievalFolder, plain_or_gzipped
from jaxemb.evaluation.problems import TaskData
from jaxemb.evaluation.reranking import Reranking
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sampling import sampled
from jaxemb.evaluation.sts import STS, PairClassification
from jaxemb.evaluation.tables import TableFile
from jaxemb.evaluation.words.analogy import Analogy
from jaxemb.evaluation.words.association import Association
from jaxemb.evaluation.words.files import (
    AnalogyFile,
    AssociationFile,
    BlankedDefinitions,
    ContextFiles,
    MinimalPairs,
    Paraphrases,
    TaggedFile,
    TripletFile,
    VariantFile,
    association_tests,
)
from jaxemb.evaluation.words.ranking import AnswerRank, Choice
from jaxemb.evaluation.words.similarity import FewShotSimilarity, WordSimilarity
from jaxemb.evaluation.words.tagging import Tagging

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


def _task(task: type[Task], data: type[TaskData], **named: str) -> Maker:
    """One task on as many texts of a set as are wanted; `named` are fields of the data."""
    return lambda chosen: [task(name=chosen.name, data=chosen.cut(data(path=chosen.path, **named)))]


def _task_on_whole(task: type[Task], data: type[TaskData]) -> Maker:
    """One task on a set that is never cut: the texts are single words, and few different ones."""
    return lambda chosen: [task(name=chosen.name, data=data(path=chosen.path))]


def _tasks(task: type[Task], data: type[TableFile], column: str = "language") -> Maker:
    """One task for every value of a column of a table, or for the table where it has no such column."""
    return lambda chosen: [
        task(name=part.name, data=part.cut(data(path=part.path, where=part.where)))
        for part in chosen.parts(column)
    ]


def _by_columns(*makers: tuple[str, Maker], otherwise: str = "") -> Maker:
    """The first maker whose columns, named with spaces between, a table has."""

    def tasks(chosen: Set) -> Sequence[Task]:
        for names, maker in makers:
            if set(names.split()) <= set(chosen.columns):
                return maker(chosen)
        raise NoTask(otherwise.format(columns=", ".join(chosen.columns)))

    return tasks


def _graph(chosen: Set) -> Sequence[Task]:
    nodes = str(plain_or_gzipped(Path(chosen.path) / "nodes.tsv"))
    return _task(Classification, LabelFile)(chosen._replace(path=nodes))


def _languages(chosen: Set) -> list[Task]:
    """One language in every column, each against English."""
    others = [name for name in chosen.columns if name not in ("split", "english")]
    room = None if chosen.texts is None else max(20, chosen.texts // len(others))
    return [
        BitextMining(
            name=f"{chosen.name}-{other}",
            data=sampled(BitextFile(path=chosen.path, source=other), room),
        )
        for other in others
    ]


def _associations(chosen: Set) -> list[Task]:
    return [
        Association(name=f"{chosen.name}-{test}", data=AssociationFile(path=chosen.path, test=test))
        for test in association_tests(chosen.path)
    ]


def _rare_words(chosen: Set) -> list[Task]:
    contexts = str(plain_or_gzipped(Path(chosen.path).parent / "crw-contexts.jsonl"))
    data = ContextFiles(pairs=chosen.path, contexts=contexts)
    # Of a set that is to be cut, four sentences per word stand for all.
    count = 16 if chosen.texts is None else 4
    return [FewShotSimilarity(name=chosen.name, data=data, contexts=count)]


UNREADABLE = "unreadable"
"""Family of a set that cannot be read; what is wrong with it stands in place of its columns."""


MAKERS: dict[str, Maker] = {
    "sts": _tasks(STS, PairFile),
    "nli": _task(PairClassification, EntailmentFile),
    "retrieval": _task(Retrieval, RetrievalFolder),
    "classification": _tasks(Classification, LabelFile),
    "clustering": _tasks(Clustering, AllLabelled),
    "pairs": _by_columns(
        ("label", _tasks(PairClassification, PairFile)),
        otherwise="it has matching pairs alone: pairs to train on, with none to tell apart",
    ),
    "reranking": _task(Reranking, RerankingFile),
    "bitext": _by_columns(("source", _tasks(BitextMining, BitextFile)), ("", _languages)),
    "words": _by_columns(
        ("word1", _task_on_whole(WordSimilarity, PairFile)),
        ("a b c d", _task_on_whole(Analogy, AnalogyFile)),
        otherwise="its words have neither grades nor analogies",
    ),
    "bias": _by_columns(("targ1", _associations), ("", _task_on_whole(Choice, VariantFile))),
    "fewshot-words": _by_columns(
        ("definition", _task(AnswerRank, BlankedDefinitions)),
        ("rare_word", _rare_words),
        otherwise="it holds the sentences in which the words of another set stand",
    ),
    "graph": _graph,
    "probing": _by_columns(
        ("position", _tasks(Tagging, TaggedFile, "task")),
        ("good", _task(Classification, MinimalPairs)),
        ("", _task(Classification, LabelFile, text="sentence")),
    ),
    "phrases": _by_columns(
        ("score", _tasks(STS, PairFile)),
        ("label", _task(Classification, LabelFile, text="phrase")),
        ("anchor positive negative", _task_on_whole(Choice, TripletFile)),
        ("", _task(AnswerRank, Paraphrases)),
    ),
    "books": _by_columns(otherwise="it is running text without labels: text to train on"),
    "table": _by_columns(
        otherwise="its columns ({columns}) are not those of a set: two texts (sentence1 and sentence2, "
        "or text1 and text2) with score or label, or text with label"
    ),
}
"""Family to what makes its tasks."""

DESCRIPTIVE = frozenset({"bias"})
"""Families whose scores describe a model without saying that it is good: they enter no mean."""
