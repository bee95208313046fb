"""Retrieval of a long text's chunks, and of long texts by their best chunk."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.config import AtLeast, Part, UsageError, smaller
from jaxemb.evaluation.base import embed_groups
from jaxemb.evaluation.problems import RetrievalProblem, TaskData
from jaxemb.evaluation.retrieval import CutRanking
from jaxemb.losses import MaxSim
from jaxemb.model import Index
from jaxemb.statistics.result import Result
from jaxemb.text import Chunked
from jaxemb.vectors.cache import Embed

Vectors = list[Float32[np.ndarray, "_ dim"]]


class ChunkProblem(NamedTuple):
    """Queries, long texts in chunks, and which chunks answer which query.

    `relevant[q]` maps chunk numbers to a grade; chunks are counted through all texts.
    """

    queries: list[str]
    documents: list[Chunked]
    relevant: list[dict[int, int]]
    clusters: Int32[np.ndarray, " queries"]

    @property
    def owners(self) -> Int32[np.ndarray, " chunks"]:
        """The number of each chunk's text."""
        counts = [len(document.chunks) for document in self.documents]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    def by_chunk(self) -> RetrievalProblem:
        """Every chunk a document of its own."""
        pieces = [piece for document in self.documents for piece in document.pieces]
        return RetrievalProblem(self.queries, pieces, self.relevant, self.clusters)

    def by_document(self) -> RetrievalProblem:
        """Whole texts; the grade of each is that of its best chunk."""
        owners = self.owners
        relevant: list[dict[int, int]] = []
        for of in self.relevant:
            best: dict[int, int] = {}
            for chunk, grade in of.items():
                owner = int(owners[chunk])
                best[owner] = max(grade, best.get(owner, 0))
            relevant.append(best)
        texts = [document.text for document in self.documents]
        return RetrievalProblem(self.queries, texts, relevant, self.clusters)


class ChunkData(TaskData):
    """Slot: long texts in chunks that are asked for. Loads a `ChunkProblem`."""


class Chunking(Part, abc.ABC):
    """Slot: how the chunks of a long text get their vectors."""

    @abc.abstractmethod
    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        """`[chunks, dim]` for each document."""


@dataclass(frozen=True, kw_only=True)
class Alone(Chunking):
    """Each chunk is embedded as if it were all there is."""

    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        return embed_groups(embed, [document.pieces for document in documents], "document")


@dataclass(frozen=True, kw_only=True)
class Overlapping(Chunking):
    """Each chunk is embedded with the `words` words before it and after it."""

    words: Annotated[int, AtLeast(1)] = 16

    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        return embed_groups(embed, [self._grown(one) for one in documents], "document")

    def _grown(self, document: Chunked) -> list[str]:
        text = document.text
        before = [text[:start].split()[-self.words :] for start, _ in document.chunks]
        after = [text[end:].split()[: self.words] for _, end in document.chunks]
        parts = zip(before, document.pieces, after, strict=True)
        return [" ".join([*first, piece, *last]) for first, piece, last in parts]


@dataclass(frozen=True, kw_only=True)
class Headed(Chunking):
    """Each chunk is embedded under the first `words` words of its text."""

    words: Annotated[int, AtLeast(1)] = 16

    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        return embed_groups(embed, [self._under(one) for one in documents], "document")

    def _under(self, document: Chunked) -> list[str]:
        head = " ".join(document.text.split()[: self.words])
        rest = zip(document.chunks, document.pieces, strict=True)
        return [piece if start == 0 else f"{head}\n{piece}" for (start, _), piece in rest]


@dataclass(frozen=True, kw_only=True)
class InContext(Chunking):
    """The whole text is read once, and each chunk pools the states of its tokens: late chunking.

    `c_k = pooling(H[a_k:b_k])` for the states `H` of the whole text. With a `window` of so many
    tokens, of which `overlap` repeat, texts of any length are read; without one they are cut at the
    model's limit, and chunks beyond it get zeros.

    Raises:
        UsageError: what embeds here takes only one text at a time, as in a wrapper that cuts vectors.

    Reference: Günther et al., Late Chunking, arXiv:2409.04701.
    """

    window: Annotated[int, AtLeast(1)] | None = None
    overlap: Annotated[int, AtLeast(0)] = 0

    def small(self) -> "InContext":
        return smaller(self, window=12, overlap=4)

    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        read = getattr(embed, "chunks", None)
        if read is None:
            raise UsageError("in_context reads whole texts; here only one text is seen at a time.")
        return read(documents, window=self.window, overlap=self.overlap)


@dataclass(frozen=True, kw_only=True)
class Undivided(Chunking):
    """Each chunk gets the vector of its whole text: no chunking."""

    def vectors(self, embed: Embed, documents: Sequence[Chunked]) -> Vectors:
        whole = embed([document.text for document in documents], "document")
        counts = [len(document.chunks) for document in documents]
        return [np.repeat(row[None], n, axis=0) for row, n in zip(whole, counts, strict=True)]


@dataclass(frozen=True, kw_only=True)
class _Chunks(CutRanking, abc.ABC):
    """Base of tasks over chunks: by cosine, metrics `ndcg@k`, `mrr@k`, `recall@1` and `recall@k`."""

    kind: ClassVar[str] = "retrieval"
    data: ChunkData
    chunking: Chunking = InContext()
    k: Annotated[int, AtLeast(1)] = 10

    @property
    def metrics(self) -> tuple[str, ...]:
        names = (f"ndcg@{self.k}", f"mrr@{self.k}", "recall@1", f"recall@{self.k}")
        return tuple(dict.fromkeys(names))

    @abc.abstractmethod
    def problem(self) -> RetrievalProblem:
        """What is asked for, as documents."""

    @abc.abstractmethod
    def items(self, vectors: Vectors) -> Vectors:
        """The vectors of each of these documents."""

    def run(self, embed: Embed) -> Result:
        whole, problem = self.data.load(), self.problem()
        items = self.items(self.chunking.vectors(embed, whole.documents))

        def queries(texts: list[str]) -> list[np.ndarray]:
            return [row[None] for row in embed(texts, "query")]

        # The best chunk of a document stands for it: late interaction of a query with one item.
        index = Index(queries, items[::-1], MaxSim())
        return self._judge(problem, *index.search(problem.queries, self.reach(problem)))

    def score_run(self, searcher: Any) -> Result:
        problem = self.problem()
        index = searcher.index(problem.documents[::-1])
        return self._judge(problem, *index.search(problem.queries, self.reach(problem)))


@dataclass(frozen=True, kw_only=True)
class ChunkRetrieval(_Chunks):
    """Ranks all chunks of all texts for every query.

    Example:
        >>> ChunkRetrieval(data=PyDocsMethods()).metrics
        ('ndcg@10', 'mrr@10', 'recall@1', 'recall@10')

    Reference: Günther et al., Late Chunking, arXiv:2409.04701.
    """

    name: str = "chunk_retrieval"

    def problem(self) -> RetrievalProblem:
        return self.data.load().by_chunk()

    def items(self, vectors: Vectors) -> Vectors:
        return list(np.concatenate(vectors)[:, None])


@dataclass(frozen=True, kw_only=True)
class BestChunkRetrieval(_Chunks):
    """Ranks whole texts for every query, each by its best chunk: `s(q, d) = max_k cos(q, c_k)`.

    Example:
        >>> BestChunkRetrieval(data=PyDocsMethods()).name
        'best_chunk_retrieval'

    Reference: Günther et al., Late Chunking, arXiv:2409.04701.
    """

    name: str = "best_chunk_retrieval"

    def problem(self) -> RetrievalProblem:
        return self.data.load().by_document()

    def items(self, vectors: Vectors) -> Vectors:
        return vectors
