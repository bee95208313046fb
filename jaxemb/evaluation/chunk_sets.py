"""Long texts in chunks: classes with their methods, and neighbouring documents of a corpus."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError, smaller
from jaxemb.evaluation.chunking import ChunkData, ChunkProblem
from jaxemb.evaluation.problems import RetrievalData, cluster_numbers, kept
from jaxemb.evaluation.pydocs import Documentation, Record, some
from jaxemb.text import Chunked


@dataclass(frozen=True, kw_only=True)
class PyDocsMethods(Documentation, ChunkData):
    """A class and its methods as one text: `ClassName` and what a method does → that method's chunk.

    A text opens with the class: its name, its summary and the first `opening` words of its body.
    Then each method is a chunk: the body of its documentation, which names neither the class nor, as
    a rule, what the method is for; that is its summary, and with the class's name the query. Methods
    whose body another one shares are left out. A text takes methods while it has at most `words`
    words, each cut to `longest`, and is left out with fewer than `least`. At most `classes` classes
    are taken, drawn by `seed`.

    Raises:
        UsageError: if no class of the split has so many methods.
    """

    classes: Annotated[int, AtLeast(1)] | None = 150
    words: Annotated[int, AtLeast(1)] = 250
    longest: Annotated[int, AtLeast(1)] = 50
    opening: Annotated[int, AtLeast(0)] = 40
    least: Annotated[int, AtLeast(0)] = 3
    shortest: Annotated[int, AtLeast(0)] = 10

    @kept
    def load(self) -> ChunkProblem:
        records = self.records("summary")
        methods = self._methods(records)
        found = [
            (record, chosen)
            for record in records
            if record["kind"] == "class" and (chosen := self._fitting(methods[record["name"]]))
        ]
        if not found:
            raise UsageError(
                f"no class of split {self.split!r} has {self.least} methods with a body"
            )
        return _problem(self, some(found, self.classes, self.draw()))

    def small(self) -> "PyDocsMethods":
        return smaller(self, classes=4, least=1, shortest=3)

    def _methods(self, records: Sequence[Record]) -> dict[str, list[Record]]:
        """The methods of every class by its name, those left out whose body is not theirs alone."""
        own = [r for r in records if r["kind"] == "method" and r["body"]]
        times = Counter(self._chunk(record) for record in own)
        by_class: dict[str, list[Record]] = defaultdict(list)
        for record in own:
            long_enough = len(record["body"].split()) >= self.shortest
            if long_enough and times[self._chunk(record)] == 1:
                by_class[record["name"].rpartition(".")[0]].append(record)
        return by_class

    def _fitting(self, methods: Sequence[Record]) -> list[Record]:
        lengths = np.cumsum([len(self._chunk(record).split()) for record in methods])
        count = int(np.searchsorted(lengths, self.words - self.opening, side="right"))
        return list(methods[:count]) if count >= self.least else []

    def _chunk(self, record: Record) -> str:
        return " ".join(record["body"].split()[: self.longest])

    def pieces(self, record: Record, methods: Sequence[Record]) -> list[str]:
        """The chunks of a text: the class, then its methods."""
        body = " ".join((record["body"] or "").split()[: self.opening])
        opening = f"{_short(record)}: {record['summary']} {body}".strip()
        return [opening, *map(self._chunk, methods)]


def _short(record: Record) -> str:
    return record["name"].rpartition(".")[2]


def _problem(data: PyDocsMethods, found: list[tuple[Record, list[Record]]]) -> ChunkProblem:
    """Methods of one class that do the same are the answers of one query."""
    documents: list[Chunked] = []
    relevant: dict[str, dict[int, int]] = defaultdict(dict)
    number = 0
    clusters: dict[str, str] = {}
    for record, methods in found:
        documents.append(Chunked.joined(data.pieces(record, methods)))
        for place, method in enumerate(methods, start=number + 1):
            query = f"{_short(record)}: {method['summary']}"
            relevant[query][place] = 1
            clusters.setdefault(query, method["cluster"])
        number += 1 + len(methods)
    numbers = cluster_numbers([clusters[query] for query in relevant])
    return ChunkProblem(list(relevant), documents, list(relevant.values()), numbers)


@dataclass(frozen=True, kw_only=True)
class Neighbouring(ChunkData):
    """Another retrieval set, whose documents are joined to long texts, `chunks` neighbours each.

    For a corpus in which paragraphs of one article follow each other. Each document is a chunk.

    Raises:
        UsageError: `chunks` is below 1, or the other set leaves documents out.
    """

    inner: RetrievalData
    chunks: Annotated[int, AtLeast(1)] = 5

    def load(self) -> ChunkProblem:
        whole = self.inner.load()
        if self.chunks < 1 or whole.excluded is not None:
            raise UsageError(
                f"Neighbouring needs chunks={self.chunks} of at least 1, and a set whose queries "
                "are not in its corpus."
            )
        texts, size = whole.documents, self.chunks
        return ChunkProblem(
            queries=whole.queries,
            documents=[
                Chunked.joined(texts[start : start + size]) for start in range(0, len(texts), size)
            ],
            relevant=whole.relevant,
            clusters=cluster_numbers([f"{min(of) // size:09d}" for of in whole.relevant]),
        )
