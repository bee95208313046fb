"""Task data in files: tables of pairs or labels, and retrieval folders in BEIR's layout.

Tables are TSV, CSV or JSONL, gzipped or not, as `jaxemb.data.tables` reads them. A retrieval set is
a folder of `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.tables import Row, read_bytes, read_rows
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    RetrievalData,
    RetrievalProblem,
)


@dataclass(frozen=True, kw_only=True)
class PairFile(PairData):
    """Pairs with a gold value from a table.

    The texts are columns `sentence1` and `sentence2` (or `text1`, `text2`), the gold value is
    `score` (or `label`). `split=None` takes the test rows, else the dev rows, else all. `where`
    keeps the rows that hold each `column=value`. Every pair is its own cluster.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8 or lacks a column.
    """

    path: str
    split: str | None = None
    where: tuple[str, ...] = ()

    def load(self) -> PairProblem:
        rows = select(read_rows(self.path), self.split, self.where, self.path)
        first = column(rows, ("sentence1", "text1"), self.path)
        second = column(rows, ("sentence2", "text2"), self.path)
        gold = numbers(column(rows, ("score", "label"), self.path), self.path)
        return PairProblem(first, second, gold, np.arange(len(rows), dtype=np.int32))

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.split, self.where)))


@dataclass(frozen=True, kw_only=True)
class EntailmentFile(PairData):
    """Pairs of which the first text implies the second (gold 1) or denies it (gold 0).

    Columns `premise`, `hypothesis` and `label`; the rows of other labels, such as `neutral`, are
    left out, as MTEB does. `split` is as in `PairFile`.

    Reference: Conneau et al., XNLI (arXiv:1809.05053).

    Raises:
        UsageError: if the file cannot be read, lacks a column, or has no row of either label.
    """

    path: str
    split: str | None = None
    match: str = "entailment"
    other: str = "contradiction"

    def load(self) -> PairProblem:
        rows = select(read_rows(self.path), self.split, (), self.path)
        labels = np.array(column(rows, ("label",), self.path))
        kept = np.flatnonzero(np.isin(labels, (self.match, self.other)))
        if not len(kept):
            raise UsageError(f"{self.path} has no row labelled {self.match} or {self.other}")
        first = column(rows, ("premise",), self.path)
        second = column(rows, ("hypothesis",), self.path)
        return PairProblem(
            first=[first[n] for n in kept],
            second=[second[n] for n in kept],
            gold=(labels[kept] == self.match).astype(np.float64),
            clusters=np.arange(len(kept), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.split, self.match, self.other)))


@dataclass(frozen=True, kw_only=True)
class LabelFile(LabelData):
    """Labelled texts (columns `text` and `label`, or others as named) from a table.

    The probe is fitted on the rows of split `train` and judged on those of `split` (None: test,
    else dev). Where there are no training rows, or they are among those to judge, the rows of
    `split` (None: test, else dev, else all) are parted by a hash of their text: four fifths to fit
    on, one fifth to judge. `where`
    keeps the rows that hold each `column=value`. Rows with an empty label are left out.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8 or lacks a column.
    """

    path: str
    split: str | None = None
    where: tuple[str, ...] = ()
    text: str = "text"
    label: str = "label"
    train: str = "train"

    def load(self) -> LabelProblem:
        rows = _labelled(select(read_rows(self.path), "", self.where, self.path), self.label)
        train, test = two_parts(rows, self.split, self.path, self.text, self.train)
        texts = column(train + test, (self.text,), self.path)
        names, labels = np.unique(
            column(train + test, (self.label,), self.path), return_inverse=True
        )
        cut = len(train)
        return LabelProblem(
            train_texts=texts[:cut],
            train_labels=labels[:cut].astype(np.int32),
            texts=texts[cut:],
            labels=labels[cut:].astype(np.int32),
            clusters=np.arange(len(test), dtype=np.int32),
            names=tuple(names.tolist()),
        )

    def fingerprint(self) -> str:
        settings = (self.split, self.where, self.text, self.label)
        return digest([self.path], repr(settings))


@dataclass(frozen=True, kw_only=True)
class AllLabelled(LabelData):
    """Every row of a table to be judged and none to fit on: what a clustering set is."""

    path: str
    where: tuple[str, ...] = ()
    text: str = "text"
    label: str = "label"

    def load(self) -> LabelProblem:
        rows = _labelled(select(read_rows(self.path), "", self.where, self.path), self.label)
        texts = column(rows, (self.text,), self.path)
        names, labels = np.unique(column(rows, (self.label,), self.path), return_inverse=True)
        return LabelProblem(
            train_texts=[],
            train_labels=np.zeros(0, np.int32),
            texts=texts,
            labels=labels.astype(np.int32),
            clusters=np.arange(len(rows), dtype=np.int32),
            names=tuple(names.tolist()),
        )

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.where, self.text, self.label)))


def _labelled(rows: list[Row], label: str) -> list[Row]:
    """Without the rows whose label is empty, where that leaves any."""
    return [row for row in rows if row.get(label) != ""] or rows


@dataclass(frozen=True, kw_only=True)
class RetrievalFolder(RetrievalData):
    """A retrieval set in BEIR's layout.

    A document is its title and its text with a space between. Only queries with a relevant document
    in the corpus are asked. `queries_in_corpus` takes a query's own document (the one with the same
    id) out of its ranking, as ArguAna and Quora want it. Every query is its own cluster.

    Reference: Thakur et al., BEIR (arXiv:2104.08663).

    Raises:
        UsageError: if a file is missing, empty, binary, not UTF-8 or of another form.
    """

    path: str
    split: str = "test"
    queries_in_corpus: bool = False

    def load(self) -> RetrievalProblem:
        corpus, queries, judgements = (read_rows(file) for file in self._files())
        numbers_of = {row["_id"]: n for n, row in enumerate(_with_id(corpus, self.path))}
        texts = {row["_id"]: row.get("text", "") for row in _with_id(queries, self.path)}
        relevant = _relevant(judgements, numbers_of, texts, self.path)
        asked = list(relevant)
        return RetrievalProblem(
            queries=[texts[query] for query in asked],
            documents=[_document(row) for row in corpus],
            relevant=[relevant[query] for query in asked],
            clusters=np.arange(len(asked), dtype=np.int32),
            excluded=self._excluded(asked, numbers_of),
        )

    def fingerprint(self) -> str:
        return digest(self._files(), repr((self.split, self.queries_in_corpus)))

    def _files(self) -> list[Path]:
        folder = Path(self.path)
        if not folder.is_dir():
            raise UsageError(f"no folder {self.path}: a retrieval set is a folder in BEIR's layout")
        return [
            plain_or_gzipped(folder / "corpus.jsonl"),
            plain_or_gzipped(folder / "queries.jsonl"),
            plain_or_gzipped(folder / "qrels" / f"{self.split}.tsv"),
        ]

    def _excluded(self, asked: Sequence[str], numbers_of: dict[str, int]):
        if not self.queries_in_corpus:
            return None
        return np.array([numbers_of.get(query, -1) for query in asked], np.int32)


def plain_or_gzipped(path: Path) -> Path:
    """The path itself, or with `.gz` where only that exists."""
    zipped = path.with_name(path.name + ".gz")
    return zipped if zipped.exists() and not path.exists() else path


def column(rows: Sequence[Row], names: Sequence[str], path: str | Path) -> list[str]:
    """The first of the named columns that the rows have, as strings."""
    found = next((name for name in names if name in rows[0]), None)
    if found is None:
        has = ", ".join(rows[0])
        raise UsageError(f"{path} has no column {' or '.join(names)}; its columns are {has}")
    if any(row.get(found) is None for row in rows):
        raise UsageError(f"{path}: a row lacks the column {found}, which the first row has")
    return [str(row[found]) for row in rows]


def numbers(values: Sequence[str], path: str | Path) -> np.ndarray:
    """The values as float64, all finite."""
    try:
        found = np.array([float(value) for value in values], np.float64)
    except ValueError as error:
        raise UsageError(f"{path}: {error}; gold values must be numbers") from None
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise UsageError(f"{path}: {values[wrong[0]]!r} is no gold value: it must be finite")
    return found


def whole_grades(values: Sequence[str], path: str | Path) -> list[int]:
    """Grades of relevance, which trec_eval takes as whole numbers; below 0 counts as 0.

    Raises:
        UsageError: a grade is not whole. It would be cut to the whole number below it.
    """
    grades = numbers(values, path)
    parts = np.flatnonzero(grades % 1)
    if len(parts):
        raise UsageError(f"{path}: the grade {values[parts[0]]} is not whole; scale the grades up")
    return np.maximum(grades, 0).astype(int).tolist()


def select(
    rows: Sequence[Row], split: str | None, where: Sequence[str], path: str | Path
) -> list[Row]:
    """Rows of one split that hold every `column=value`.

    A split of None means test, else dev, else all; an empty one means all.
    """
    kept = list(rows)
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals or name not in rows[0]:
            raise UsageError(f"{path} has no column for {condition!r}; it has {', '.join(rows[0])}")
        kept = [row for row in kept if str(row.get(name)) == value]
    present = {str(row["split"]) for row in kept if row.get("split") is not None}
    if split is None:
        split = next((name for name in ("test", "dev") if name in present), "")
    if split:
        kept = [row for row in kept if row.get("split") == split]
    if not kept:
        known = ", ".join(sorted(present)) or "none"
        raise UsageError(
            f"{path} has no rows for split {split!r} and {list(where)}; splits: {known}"
        )
    return kept


def two_parts(
    rows: list[Row], split: str | None, path: str, text: str = "text", fitted: str = "train"
) -> tuple[list[Row], list[Row]]:
    """The rows to fit on and those to judge, as `LabelFile` parts them."""
    judged = select(rows, split, (), path)
    train = [row for row in rows if row.get("split") == fitted]
    if train and not any(row.get("split") == fitted for row in judged):
        return train, judged
    in_fifth = [zlib.crc32(str(row.get(text, "")).encode()) % 5 == 0 for row in judged]
    parts = [[row for row, last in zip(judged, in_fifth, strict=True) if last == t] for t in (0, 1)]
    if not all(parts):
        raise UsageError(f"{path} has too few rows ({len(judged)}) to part into training and test")
    return parts[0], parts[1]


def _with_id(rows: list[Row], path: str) -> list[Row]:
    for place, row in enumerate(rows, start=1):
        if "_id" not in row:
            raise UsageError(f"{path}: row {place} of the corpus or the queries has no _id")
        row["_id"] = str(row["_id"])
    repeated = [name for name, times in Counter(row["_id"] for row in rows).items() if times > 1]
    if repeated:
        raise UsageError(f"{path}: two documents, or two queries, have the _id {repeated[0]}")
    return rows


def _relevant(
    judgements: list[Row], documents: dict[str, int], queries: dict[str, str], path: str
) -> dict[str, dict[int, int]]:
    """Query id to document number to grade, for grades above zero."""
    found: dict[str, dict[int, int]] = {}
    query_ids = column(judgements, ("query-id",), path)
    document_ids = column(judgements, ("corpus-id",), path)
    grades = whole_grades(column(judgements, ("score",), path), path)
    for query, document, grade in zip(query_ids, document_ids, grades, strict=True):
        if grade > 0 and query in queries and document in documents:
            found.setdefault(query, {})[documents[document]] = grade
    if not found:
        raise UsageError(f"{path}: no judgement names a query and a document that are there")
    return found


def _document(row: Row) -> str:
    return f"{row.get('title') or ''} {row.get('text') or ''}".strip()


def digest(paths: Sequence[str | Path], settings: str) -> str:
    """Hash of the files' bytes and the settings that choose among their rows."""
    digest = hashlib.sha256(settings.encode())
    for path in paths:
        digest.update(read_bytes(path))
    return digest.hexdigest()[:16]
