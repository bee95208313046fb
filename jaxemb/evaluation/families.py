"""What tasks a set of a family gives: the registry by which a folder of sets becomes tasks.

A family is an entry of `MAKERS`: its name in a manifest, and a function from a `Set` to tasks. A
set that is no task (pairs to train on, running text) says so in the sentence of a `NoTask`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jaxemb.config.files import given_path
from jaxemb.data import read_rows
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.bitext import BitextMining
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.file_sets import BitextFile, RerankingFile
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
from jaxemb.evaluation.reranking import Reranking
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sampling import sampled
from jaxemb.evaluation.sts import STS
from jaxemb.evaluation.words import (
    Analogy,
    AnalogyFile,
    AnswerRank,
    Association,
    AssociationFile,
    BlankedDefinitions,
    Choice,
    ContextFiles,
    FewShotSimilarity,
    MinimalPairs,
    Paraphrases,
    TaggedFile,
    Tagging,
    TripletFile,
    VariantFile,
    WordPairFile,
    WordSimilarity,
    association_tests,
)

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
    nodes = str(plain_or_gzipped(given_path(given.path) / "nodes.tsv"))
    return [Classification(name=given.name, data=given.cut(LabelFile(path=nodes)))]


def _books(given: Set) -> list[Task]:
    raise NoTask("it is running text without labels: text to train on")


def _bitext(given: Set) -> list[Task]:
    """`source` and `english`; or a text a language in every column, each against English."""
    if "source" in given.columns:
        return [
            BitextMining(
                name=part.name, data=part.cut(BitextFile(path=part.path, where=part.where))
            )
            for part in given.parts()
        ]
    others = [name for name in given.columns if name not in ("split", "english")]
    room = None if given.texts is None else max(20, given.texts // len(others))
    return [
        BitextMining(
            name=f"{given.name}-{other}",
            data=sampled(BitextFile(path=given.path, source=other), room),
        )
        for other in others
    ]


def _reranking(given: Set) -> list[Task]:
    return [Reranking(name=given.name, data=given.cut(RerankingFile(path=given.path)))]


def _words(given: Set) -> list[Task]:
    """Whole even where sets are cut: the texts are single words, and few different ones."""
    if "word1" in given.columns:
        return [WordSimilarity(name=given.name, data=WordPairFile(path=given.path))]
    if {"a", "b", "c", "d"} <= set(given.columns):
        return [Analogy(name=given.name, data=AnalogyFile(path=given.path))]
    raise NoTask("its words have neither grades nor analogies")


def _bias(given: Set) -> list[Task]:
    if "targ1" in given.columns:
        return [
            Association(
                name=f"{given.name}-{test}", data=AssociationFile(path=given.path, test=test)
            )
            for test in association_tests(given.path)
        ]
    return [Choice(name=given.name, data=VariantFile(path=given.path))]


def _fewshot(given: Set) -> list[Task]:
    if "definition" in given.columns:
        return [AnswerRank(name=given.name, data=given.cut(BlankedDefinitions(path=given.path)))]
    if "contexts" in given.columns:
        raise NoTask("it holds the sentences in which the words of another set stand")
    folder = given_path(given.path).parent
    contexts = str(plain_or_gzipped(folder / "crw-contexts.jsonl"))
    data = ContextFiles(pairs=given.path, contexts=contexts)
    # Of a set that is to be cut, four sentences a word stand for all.
    return [
        FewShotSimilarity(name=given.name, data=data, contexts=16 if given.texts is None else 4)
    ]


def _probing(given: Set) -> list[Task]:
    if "position" in given.columns:
        return [
            Tagging(name=part.name, data=part.cut(TaggedFile(path=part.path, where=part.where)))
            for part in given.parts("task")
        ]
    if "good" in given.columns:
        return [Classification(name=given.name, data=given.cut(MinimalPairs(path=given.path)))]
    data = given.cut(LabelFile(path=given.path, text="sentence"))
    return [Classification(name=given.name, data=data)]


def _phrases(given: Set) -> list[Task]:
    columns = set(given.columns)
    if "score" in columns:
        return _sts(given)
    if "label" in columns:
        data = given.cut(LabelFile(path=given.path, text="phrase"))
        return [Classification(name=given.name, data=data)]
    if {"anchor", "positive", "negative"} <= columns:
        return [Choice(name=given.name, data=TripletFile(path=given.path))]
    return [AnswerRank(name=given.name, data=given.cut(Paraphrases(path=given.path)))]


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
}
"""Family to what makes its tasks."""

DESCRIPTIVE = frozenset({"bias"})
"""Families whose scores describe a model without saying that it is good: they enter no mean."""
