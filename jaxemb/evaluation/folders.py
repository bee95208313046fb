"""Retrieval sets in BEIR's layout: `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from jaxemb.config import UsageError, hash_of
from jaxemb.config.files import given_path
from jaxemb.data.tables import read_rows
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem
from jaxemb.evaluation.tables import Table


@dataclass(frozen=True, kw_only=True)
class RetrievalFolder(RetrievalData):
    """A retrieval set in BEIR's layout.

    A document is its title and its text with a space between. Only queries with a relevant document
    in the corpus are asked; relevant documents that the corpus lacks count as not found.
    `queries_in_corpus` takes a query's own document (the one with the same id) out of its ranking,
    as ArguAna and Quora want it. Every query is its own cluster.

    Reference: Thakur et al., BEIR (arXiv:2104.08663).

    Raises:
        UsageError: if a file is missing, empty, binary, not UTF-8 or of another form.
    """

    unfingerprinted: ClassVar[tuple[str, ...]] = ("path",)
    path: str
    split: str = "test"
    queries_in_corpus: bool = False

    def load(self) -> RetrievalProblem:
        corpus, queries, judgements = (Table(read_rows(file), file) for file in self._files())
        number = {name: n for n, name in enumerate(_ids(corpus))}
        texts = dict(zip(_ids(queries), _written(queries), strict=True))
        titles = [row.get("title") or "" for row in corpus.rows]
        relevant = _relevant(judgements, number, texts)
        return RetrievalProblem(
            queries=[texts[query] for query in relevant],
            documents=[
                f"{title} {text}".strip()
                for title, text in zip(titles, _written(corpus), strict=True)
            ],
            relevant=list(relevant.values()),
            clusters=np.arange(len(relevant), dtype=np.int32),
            excluded=(
                np.array([number.get(query, -1) for query in relevant], np.int32)
                if self.queries_in_corpus
                else None
            ),
        )

    def content(self) -> str:
        return "".join(map(hash_of, self._files()))

    def _files(self) -> list[Path]:
        folder = given_path(self.path)
        if not folder.is_dir():
            raise UsageError(f"no folder {self.path}: a retrieval set is a folder in BEIR's layout")
        names = ("corpus.jsonl", "queries.jsonl", f"qrels/{self.split}.tsv")
        return [plain_or_gzipped(folder / name) for name in names]


def plain_or_gzipped(path: Path) -> Path:
    """The path itself, or with `.gz` where only that exists."""
    zipped = path.with_name(path.name + ".gz")
    return zipped if zipped.exists() and not path.exists() else path


def _ids(table: Table) -> list[str]:
    """The different ids of the rows."""
    ids = table.texts("_id")
    repeated = [name for name, times in Counter(ids).items() if times > 1]
    if repeated:
        raise UsageError(f"{table.path}: two rows have the _id {repeated[0]}")
    return ids


def _written(table: Table) -> list[str]:
    """The field `text` of every row, which may be null but not absent."""
    for place, row in enumerate(table.rows, start=1):
        if "text" not in row:
            raise UsageError(
                f"{table.path}: row {place} has no field text; its fields are {', '.join(row)}"
            )
    return [str(row["text"] or "") for row in table.rows]


def _relevant(
    judgements: Table, documents: dict[str, int], queries: dict[str, str]
) -> dict[str, dict[int, int]]:
    """Query id to document number to grade above zero; documents that are absent come last."""
    columns = (
        judgements.texts("query-id"),
        judgements.texts("corpus-id"),
        judgements.grades("score"),
    )
    absent: dict[str, int] = {}
    relevant: dict[str, dict[int, int]] = {}
    for query, document, grade in zip(*columns, strict=True):
        if grade > 0 and query in queries:
            number = documents.get(document)
            if number is None:
                number = absent.setdefault(document, len(documents) + len(absent))
            relevant.setdefault(query, {})[number] = grade
    answered = {q: of for q, of in relevant.items() if min(of) < len(documents)}
    if not answered:
        raise UsageError(
            f"{judgements.path}: no judgement names a query and a document that are there"
        )
    return answered
