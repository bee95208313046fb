"""Task data in files, for tasks whose examples are more than a pair or a label.

The forms of the files are those of `jaxemb.evaluation.files`: TSV, CSV or JSONL.
"""

from dataclasses import dataclass

import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.tables import Row, read_rows
from jaxemb.evaluation.files import column, digest, numbers, select, two_parts, whole_grades
from jaxemb.evaluation.problems import (
    BitextData,
    BitextProblem,
    LabelSetData,
    LabelSetProblem,
    RerankingData,
    RerankingProblem,
    SummaryData,
    SummaryProblem,
)


@dataclass(frozen=True, kw_only=True)
class BitextFile(BitextData):
    """Texts and their translations from two columns of a table, `source` and `target`.

    A row is left out where an earlier row has the same text in either column: each text then has one
    translation to find. `split=None` takes the test rows, else the dev rows, else all. `where` keeps
    the rows that hold each `column=value`. Every pair is its own cluster.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8 or lacks a column.
    """

    path: str
    source: str = "source"
    target: str = "english"
    split: str | None = None
    where: tuple[str, ...] = ()

    def load(self) -> BitextProblem:
        rows = select(read_rows(self.path), self.split, self.where, self.path)
        pairs = zip(
            column(rows, (self.source,), self.path),
            column(rows, (self.target,), self.path),
            strict=True,
        )
        kept: dict[str, str] = {}
        seen: set[str] = set()
        for source, target in pairs:
            if source not in kept and target not in seen:
                kept[source] = target
                seen.add(target)
        return BitextProblem(list(kept), list(kept.values()), np.arange(len(kept), dtype=np.int32))

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.source, self.target, self.split, self.where)))


@dataclass(frozen=True, kw_only=True)
class RerankingFile(RerankingData):
    """Queries with candidates from a table: a row a candidate, `qid`, `query`, `text` and `label`.

    A label above 0 is the candidate's grade. Only queries with both a relevant and an irrelevant
    candidate are asked: the others cannot be ordered wrongly. `split` and `where` as in
    `BitextFile`. Every query is its own cluster.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8 or lacks a column, or no query has
            both kinds of candidates.
    """

    path: str
    split: str | None = None
    where: tuple[str, ...] = ()

    def load(self) -> RerankingProblem:
        rows = select(read_rows(self.path), self.split, self.where, self.path)
        names = column(rows, ("qid", "query-id", "query"), self.path)
        queries = dict(zip(names, column(rows, ("query",), self.path), strict=True))
        texts = column(rows, ("text",), self.path)
        grades = whole_grades(column(rows, ("label", "score"), self.path), self.path)
        candidates: dict[str, list[str]] = {name: [] for name in queries}
        relevant: dict[str, list[int]] = {name: [] for name in queries}
        for name, text, grade in zip(names, texts, grades, strict=True):
            candidates[name].append(text)
            relevant[name].append(grade)
        asked = [name for name, given in relevant.items() if min(given) == 0 < max(given)]
        if not asked:
            raise UsageError(f"{self.path}: no query has a relevant and an irrelevant candidate")
        return RerankingProblem(
            queries=[queries[name] for name in asked],
            candidates=[candidates[name] for name in asked],
            relevant=[relevant[name] for name in asked],
            clusters=np.arange(len(asked), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.split, self.where)))


@dataclass(frozen=True, kw_only=True)
class LabelSetFile(LabelSetData):
    """Texts with several labels: column `text`, and every column of `labels`.

    A label column holds one label, or in JSONL a list of them. Labels that occur on one side only, to
    fit on or to judge, are left out. Rows are parted into these sides as by `LabelFile`. Every text
    is its own cluster.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8 or lacks a column, or the two
            sides share fewer than two labels.
    """

    path: str
    labels: tuple[str, ...] = ("label",)
    split: str | None = None
    where: tuple[str, ...] = ()

    def load(self) -> LabelSetProblem:
        rows = select(read_rows(self.path), "", self.where, self.path)
        parts = two_parts(rows, self.split, self.path)
        sets = [[_labels(row, self.labels, self.path) for row in part] for part in parts]
        occurring = [set().union(*part) for part in sets]
        names = tuple(sorted(occurring[0] & occurring[1]))
        if len(names) < 2:
            raise UsageError(f"{self.path}: training and test rows share fewer than two labels")
        carried = [np.array([[n in held for n in names] for held in part]) for part in sets]
        return LabelSetProblem(
            train_texts=column(parts[0], ("text",), self.path),
            train_labels=carried[0],
            texts=column(parts[1], ("text",), self.path),
            labels=carried[1],
            clusters=np.arange(len(parts[1]), dtype=np.int32),
            names=names,
        )

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.labels, self.split, self.where)))


@dataclass(frozen=True, kw_only=True)
class SummaryFile(SummaryData):
    """Graded summaries from JSONL, a text a row, with three lists a row.

    `human_summaries` holds the trusted ones, `machine_summaries` those to grade, `relevance` their
    grades. `split` and `where` as in `BitextFile`. Every text is its own cluster.

    Raises:
        UsageError: if the file is missing, empty, binary, not UTF-8, lacks a column, or a row has
            not one grade a summary.
    """

    path: str
    split: str | None = None
    where: tuple[str, ...] = ()

    def load(self) -> SummaryProblem:
        rows = select(read_rows(self.path), self.split, self.where, self.path)
        references, summaries, gold = (
            [_list(row, name, self.path) for row in rows]
            for name in ("human_summaries", "machine_summaries", "relevance")
        )
        for number, (given, grades) in enumerate(zip(summaries, gold, strict=True), start=1):
            if len(given) != len(grades) or not given:
                raise UsageError(
                    f"{self.path}: text {number} has {len(given)} summaries and {len(grades)} grades"
                )
        return SummaryProblem(
            references=[[str(text) for text in row] for row in references],
            summaries=[[str(text) for text in row] for row in summaries],
            gold=[numbers([str(grade) for grade in row], self.path).tolist() for row in gold],
            clusters=np.arange(len(rows), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return digest([self.path], repr((self.split, self.where)))


def _labels(row: Row, columns: tuple[str, ...], path: str) -> set[str]:
    """`column=value` of every label, or the value alone where there is one column."""
    found: set[str] = set()
    for name in columns:
        if row.get(name) is None:
            raise UsageError(f"{path} has no column {name} in some row; it has {', '.join(row)}")
        values = row[name] if isinstance(row[name], list) else [row[name]]
        found |= {str(value) if len(columns) == 1 else f"{name}={value}" for value in values}
    return found


def _list(row: Row, name: str, path: str) -> list:
    if not isinstance(row.get(name), list) or not row[name]:
        raise UsageError(f"{path}: a row has no list {name}; it has {', '.join(row)}")
    return row[name]
