"""What tasks a set of a family gives: the registry by which a folder of sets becomes tasks.

A family is an entry of `MAKERS`: its name in a manifest, and a function from a `Set` to tasks. A
set that is no task (pairs to train on, running text) says so in the sentence of a `NoTask`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxemb.config import UsageError
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


def _of_parts(
    task: type[Task], data: type[TableFile], column: str = "language", **named: str
) -> Maker:
    """A task for every part of a table; `named` are fields of the data."""

    def tasks(whole: Set) -> list[Task]:
        return [
            task(name=part.name, data=part.cut(data(path=part.path, where=part.where, **named)))
            for part in whole.parts(column)
        ]

    return tasks


_sts = _of_parts(STS, PairFile)
_nli = _of_parts(PairClassification, EntailmentFile, column="")
_classification = _of_parts(Classification, LabelFile)
_clustering = _of_parts(Clustering, AllLabelled)


def _pairs(whole: Set) -> Sequence[Task]:
    if "label" not in whole.columns:
        raise NoTask("it has matching pairs alone: pairs to train on, with none to tell apart")
    return _of_parts(PairClassification, PairFile)(whole)


def _retrieval(whole: Set) -> list[Task]:
    return [Retrieval(name=whole.name, data=whole.cut(RetrievalFolder(path=whole.path)))]


def _graph(whole: Set) -> list[Task]:
    nodes = str(plain_or_gzipped(Path(whole.path) / "nodes.tsv"))
    return [Classification(name=whole.name, data=whole.cut(LabelFile(path=nodes)))]


def _books(whole: Set) -> list[Task]:
    raise NoTask("it is running text without labels: text to train on")


def _bitext(whole: Set) -> Sequence[Task]:
    """`source` and `english`; or one language in every column, each against English."""
    if "source" in whole.columns:
        return _of_parts(BitextMining, BitextFile)(whole)
    others = [name for name in whole.columns if name not in ("split", "english")]
    room = None if whole.texts is None else max(20, whole.texts // len(others))
    return [
        BitextMining(
            name=f"{whole.name}-{other}",
            data=sampled(BitextFile(path=whole.path, source=other), room),
        )
        for other in others
    ]


_reranking = _of_parts(Reranking, RerankingFile, column="")


def _words(whole: Set) -> list[Task]:
    """Whole even where sets are cut: the texts are single words, and few different ones."""
    if "word1" in whole.columns:
        return [WordSimilarity(name=whole.name, data=PairFile(path=whole.path))]
    if {"a", "b", "c", "d"} <= set(whole.columns):
        return [Analogy(name=whole.name, data=AnalogyFile(path=whole.path))]
    raise NoTask("its words have neither grades nor analogies")


def _bias(whole: Set) -> list[Task]:
    if "targ1" in whole.columns:
        return [
            Association(
                name=f"{whole.name}-{test}", data=AssociationFile(path=whole.path, test=test)
            )
            for test in association_tests(whole.path)
        ]
    return [Choice(name=whole.name, data=VariantFile(path=whole.path))]


def _fewshot(whole: Set) -> list[Task]:
    if "definition" in whole.columns:
        return [AnswerRank(name=whole.name, data=whole.cut(BlankedDefinitions(path=whole.path)))]
    if "contexts" in whole.columns:
        raise NoTask("it holds the sentences in which the words of another set stand")
    contexts = str(plain_or_gzipped(Path(whole.path).parent / "crw-contexts.jsonl"))
    data = ContextFiles(pairs=whole.path, contexts=contexts)
    # Of a set that is to be cut, four sentences per word stand for all.
    return [
        FewShotSimilarity(name=whole.name, data=data, contexts=16 if whole.texts is None else 4)
    ]


def _probing(whole: Set) -> Sequence[Task]:
    if "position" in whole.columns:
        return _of_parts(Tagging, TaggedFile, column="task")(whole)
    if "good" in whole.columns:
        return _of_parts(Classification, MinimalPairs, column="")(whole)
    return _of_parts(Classification, LabelFile, column="", text="sentence")(whole)


def _phrases(whole: Set) -> Sequence[Task]:
    columns = set(whole.columns)
    if "score" in columns:
        return _sts(whole)
    if "label" in columns:
        return _of_parts(Classification, LabelFile, column="", text="phrase")(whole)
    if {"anchor", "positive", "negative"} <= columns:
        return [Choice(name=whole.name, data=TripletFile(path=whole.path))]
    return _of_parts(AnswerRank, Paraphrases, column="")(whole)


def _table(whole: Set) -> list[Task]:
    raise NoTask(
        f"its columns ({', '.join(whole.columns)}) are not those of a set: two texts (sentence1 and "
        "sentence2, or text1 and text2) with score or label, or text with label"
    )


UNREADABLE = "unreadable"


def _unreadable(whole: Set) -> list[Task]:
    """What is wrong with the table stands in place of its columns."""
    raise UsageError(whole.columns[0])


MAKERS: dict[str, Maker] = {
    "sts": _sts,
    "nli": _nli,
    "retrieval": _retrieval,
    "classification": _classification,
    "clustering": _clustering,
    "pairs": _pairs,
    "reranking": _reranking,
    "bitext": _bitext,
    "words": _words,
    "bias": _bias,
    "fewshot-words": _fewshot,
    "graph": _graph,
    "probing": _probing,
    "phrases": _phrases,
    "books": _books,
    "table": _table,
    UNREADABLE: _unreadable,
}
"""Family to what makes its tasks."""

DESCRIPTIVE = frozenset({"bias"})
"""Families whose scores describe a model without saying that it is good: they enter no mean."""
