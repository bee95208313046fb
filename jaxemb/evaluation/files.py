"""Task data in tables: pairs, labels, translations, candidates and summaries."""

from dataclasses import dataclass

import numpy as np

from jaxemb.config import UsageError
from jaxemb.evaluation.problems import (
    BitextData,
    BitextProblem,
    LabelData,
    LabelProblem,
    LabelSetData,
    LabelSetProblem,
    PairData,
    PairProblem,
    RerankingData,
    RerankingProblem,
    SummaryData,
    SummaryProblem,
)
from jaxemb.evaluation.tables import SplitFile, Table, TableFile


@dataclass(frozen=True, kw_only=True)
class PairFile(SplitFile, PairData):
    """Pairs with a gold value from a table.

    The texts are columns `sentence1` and `sentence2` (or `text1`, `text2`, or `word1`, `word2`), the
    gold value is `score` (or `label`): a number, or true or false in JSON. `split=None` takes the
    test rows, else the dev rows, else all. `where` keeps the rows that hold each `column=value`.
    Every pair is its own cluster.

    Raises:
        UsageError: if the gold values are hidden.
    """

    def load(self) -> PairProblem:
        table = self.table()
        return PairProblem(
            table.texts("sentence1", "text1", "word1"),
            table.texts("sentence2", "text2", "word2"),
            table.gold("score", "label"),
            table.count(),
        )


@dataclass(frozen=True, kw_only=True)
class EntailmentFile(SplitFile, PairData):
    """Pairs of which the first text implies the second (gold 1) or denies it (gold 0).

    Columns `premise`, `hypothesis` and `label`; the rows of other labels, such as `neutral`, are
    left out, as MTEB does. `split` is as in `PairFile`.

    Reference: Conneau et al., XNLI (arXiv:1809.05053).

    Raises:
        UsageError: if the file cannot be read, lacks a column, or has no row of either label.
    """

    match: str = "entailment"
    other: str = "contradiction"

    def load(self) -> PairProblem:
        whole = self.table()
        whole.values("label")
        table = whole.keep(lambda row: str(row["label"]) in (self.match, self.other))
        if not len(table):
            raise UsageError(f"{self.path} has no row labelled {self.match} or {self.other}")
        return PairProblem(
            table.texts("premise"),
            table.texts("hypothesis"),
            np.array([label == self.match for label in table.texts("label")], np.float64),
            table.count(),
        )


@dataclass(frozen=True, kw_only=True)
class LabelFile(TableFile, LabelData):
    """Labelled texts (columns `text` and `label`, or others as named) from a table.

    The probe is fitted on the rows of split `train` and judged on those of `split` (None: test,
    else dev). Where there are no training rows, or they are among those to judge, the rows of
    `split` (None: test, else dev, else all) are parted by a hash of their text: four fifths to fit
    on, one fifth to judge. `where` keeps the rows that hold each `column=value`. Rows with an empty
    label are left out.
    """

    split: str | None = None
    text: str = "text"
    label: str = "label"
    train: str = "train"

    def load(self) -> LabelProblem:
        table = _with_label(self.table(), self.label)
        parts = table.two_parts(self.split, text=self.text, train=self.train)
        return LabelProblem.of(*(part.labelled(self.text, self.label) for part in parts))


@dataclass(frozen=True, kw_only=True)
class AllLabelled(TableFile, LabelData):
    """Every row of a table to be judged and none to fit on: what a clustering set is."""

    text: str = "text"
    label: str = "label"

    def load(self) -> LabelProblem:
        table = _with_label(self.table(), self.label)
        return LabelProblem.of((), table.labelled(self.text, self.label))


def _with_label(table: Table, label: str) -> Table:
    """Without the rows whose label is empty, where that leaves any."""
    kept = table.keep(lambda row: row.get(label) != "")
    return kept if len(kept) else table


@dataclass(frozen=True, kw_only=True)
class BitextFile(SplitFile, BitextData):
    """Texts and their translations from two columns of a table, `source` and `target`.

    A row is left out where an earlier row has the same text in either column: each text then has one
    translation to find. `split` and `where` as in `PairFile`. Every pair is its own cluster.
    """

    source: str = "source"
    target: str = "english"

    def load(self) -> BitextProblem:
        table = self.table()
        kept: dict[str, str] = {}
        seen: set[str] = set()
        for source, target in table.labelled(self.source, self.target):
            if source not in kept and target not in seen:
                kept[source] = target
                seen.add(target)
        return BitextProblem(list(kept), list(kept.values()), np.arange(len(kept), dtype=np.int32))


@dataclass(frozen=True, kw_only=True)
class RerankingFile(SplitFile, RerankingData):
    """Queries with candidates from a table: one row per candidate, `qid`, `query`, `text`, `label`.

    A label above 0 is the candidate's grade. Only queries with both a relevant and an irrelevant
    candidate are asked: the others cannot be ordered wrongly. `split` and `where` as in `PairFile`.
    Every query is its own cluster.

    Raises:
        UsageError: if no query has both kinds of candidates.
    """

    def load(self) -> RerankingProblem:
        table = self.table()
        names = table.texts("qid", "query-id", "query")
        queries = dict(zip(names, table.texts("query"), strict=True))
        groups: dict[str, list[tuple[str, int]]] = {name: [] for name in queries}
        for name, *row in zip(
            names, table.texts("text"), table.grades("label", "score"), strict=True
        ):
            groups[name].append(tuple(row))
        asked = [
            name for name, rows in groups.items() if len({grade > 0 for _, grade in rows}) == 2
        ]
        if not asked:
            raise UsageError(f"{self.path}: no query has a relevant and an irrelevant candidate")
        return RerankingProblem(
            queries=[queries[name] for name in asked],
            candidates=[[text for text, _ in groups[name]] for name in asked],
            relevant=[[grade for _, grade in groups[name]] for name in asked],
            clusters=np.arange(len(asked), dtype=np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class LabelSetFile(TableFile, LabelSetData):
    """Texts with several labels: column `text`, and every column of `labels`.

    A label column holds one label, or in JSONL a list of them. Labels that occur on one side only, to
    fit on or to judge, are left out. Rows are parted into these sides as by `LabelFile`. Every text
    is its own cluster.

    Raises:
        UsageError: if the two sides share fewer than two labels.
    """

    split: str | None = None
    labels: tuple[str, ...] = ("label",)

    def load(self) -> LabelSetProblem:
        parts = self.table().two_parts(self.split)
        texts, sets = [part.texts("text") for part in parts], [self._sets(part) for part in parts]
        try:
            return LabelSetProblem.of(*texts, *sets)
        except UsageError as error:
            raise UsageError(f"{self.path}: {error}") from None

    def _sets(self, table: Table) -> list[set[str]]:
        """`column=value` of every label of a row, or the value alone where there is one column."""
        sets: list[set[str]] = [set() for _ in table.rows]
        for name in self.labels:
            for row, value in zip(sets, table.values(name), strict=True):
                values = value if isinstance(value, list) else [value]
                row |= {str(v) if len(self.labels) == 1 else f"{name}={v}" for v in values}
        return sets


@dataclass(frozen=True, kw_only=True)
class SummaryFile(SplitFile, SummaryData):
    """Graded summaries from JSONL, one text and three lists per row.

    `human_summaries` holds the trusted ones, `machine_summaries` those to grade, `relevance` their
    grades. `split` and `where` as in `PairFile`. Every text is its own cluster.

    Raises:
        UsageError: if a row has not one grade per summary.
    """

    def load(self) -> SummaryProblem:
        table = self.table()
        names = ("human_summaries", "machine_summaries", "relevance")
        references, summaries, gold = (table.lists(name) for name in names)
        for number, (row, grades) in enumerate(zip(summaries, gold, strict=True), start=1):
            if len(row) != len(grades):
                raise UsageError(
                    f"{self.path}: text {number} has {len(row)} summaries and {len(grades)} grades"
                )
        return SummaryProblem(
            references=[[str(text) for text in row] for row in references],
            summaries=[[str(text) for text in row] for row in summaries],
            gold=[table.as_numbers(row).tolist() for row in gold],
            clusters=table.count(),
        )
