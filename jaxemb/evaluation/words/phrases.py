"""Data of phrase and sentence tasks in tables: triplets, variants, minimal pairs, definitions."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from jaxemb.config import UsageError
from jaxemb.data.tables import Row, read_rows
from jaxemb.evaluation.files import column, select
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    RetrievalData,
    RetrievalProblem,
    cluster_numbers,
)
from jaxemb.evaluation.words.files import listed, of_files
from jaxemb.evaluation.words.problems import TripletData, TripletProblem


@dataclass(frozen=True, kw_only=True)
class MinimalPairs(LabelData):
    """Pairs of a good and a bad sentence (columns `good`, `bad`), labelled 1 and 0.

    Both of a pair stand on the same side: a fifth of the pairs, chosen by a hash of the good one, is
    judged, the others are fitted on. A column `paradigm`, where there is one, is the cluster.
    """

    path: str
    where: tuple[str, ...] = ()

    def load(self) -> LabelProblem:
        rows = select(read_rows(self.path), "", self.where, self.path)
        column(rows, ("good",), self.path), column(rows, ("bad",), self.path)
        judged = [row for row in rows if _in_fifth(row["good"])]
        fitted = [row for row in rows if not _in_fifth(row["good"])]
        if not judged or not fitted:
            raise UsageError(f"{self.path} has too few pairs ({len(rows)}) to part in two")
        return LabelProblem(
            train_texts=_both(fitted),
            train_labels=np.tile([1, 0], len(fitted)).astype(np.int32),
            texts=_both(judged),
            labels=np.tile([1, 0], len(judged)).astype(np.int32),
            clusters=np.repeat(_paradigms(judged), 2),
            names=("bad", "good"),
        )

    def fingerprint(self) -> str:
        return of_files([self.path], repr(self.where))


@dataclass(frozen=True, kw_only=True)
class TripletFile(TripletData):
    """Triplets: columns `anchor`, `positive`, `negative`. Every row is its own cluster."""

    path: str
    where: tuple[str, ...] = ()

    def load(self) -> TripletProblem:
        rows = select(read_rows(self.path), "", self.where, self.path)
        return TripletProblem(
            *(column(rows, (name,), self.path) for name in ("anchor", "positive", "negative")),
            np.arange(len(rows), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return of_files([self.path], repr(self.where))


@dataclass(frozen=True, kw_only=True)
class VariantFile(TripletData):
    """Variants of a sentence against a word of it, from one row a variant.

    Rows that agree in `group` (column names) are variants of one sentence; `column` tells them apart.
    The anchor is the text of `anchor`, the nearer text the variant `first`, the farther one `second`;
    groups without both are left out. The anchors' texts are clusters.

    Example:
        >>> data = VariantFile(path="winogender.tsv")    # occupation: "he" against "she"
        >>> data.first, data.second
        ('male', 'female')
    """

    path: str
    anchor: str = "occupation"
    group: tuple[str, ...] = ("occupation", "participant", "answer")
    column: str = "gender"
    first: str = "male"
    second: str = "female"
    text: str = "sentence"

    def load(self) -> TripletProblem:
        rows = read_rows(self.path)
        for name in (self.anchor, self.column, self.text, *self.group):
            column(rows, (name,), self.path)
        groups: dict[tuple, dict[str, Row]] = {}
        for row in rows:
            key = tuple(row[name] for name in self.group)
            groups.setdefault(key, {})[row[self.column]] = row
        whole = [of for of in groups.values() if self.first in of and self.second in of]
        if not whole:
            raise UsageError(f"{self.path} has no group with {self.first} and {self.second}")
        anchors = [of[self.first][self.anchor] for of in whole]
        return TripletProblem(
            anchors,
            [of[self.first][self.text] for of in whole],
            [of[self.second][self.text] for of in whole],
            cluster_numbers(anchors),
        )

    def fingerprint(self) -> str:
        settings = (self.anchor, self.group, self.column, self.first, self.second, self.text)
        return of_files([self.path], repr(settings))


@dataclass(frozen=True, kw_only=True)
class BlankedDefinitions(RetrievalData):
    """Find a word by its definition (columns `word`, `definition`), among all words of the table.

    The definition's `___`, which stands for the word, becomes `blank`.
    """

    path: str
    blank: str = "something"

    def load(self) -> RetrievalProblem:
        rows = read_rows(self.path)
        words = column(rows, ("word",), self.path)
        documents = list(dict.fromkeys(words))
        place = {word: number for number, word in enumerate(documents)}
        definitions = column(rows, ("definition",), self.path)
        return RetrievalProblem(
            queries=[text.replace("___", self.blank) for text in definitions],
            documents=documents,
            relevant=[{place[word]: 1} for word in words],
            clusters=np.array([place[word] for word in words], np.int32),
        )

    def fingerprint(self) -> str:
        return of_files([self.path], self.blank)


@dataclass(frozen=True, kw_only=True)
class Paraphrases(RetrievalData):
    """Find a paraphrase of a compound (rows of `compound` and `paraphrases`, a list) among those of
    all compounds of the split. A compound that paraphrases another is no document for itself.
    """

    path: str
    split: str | None = None

    def load(self) -> RetrievalProblem:
        rows = select(read_rows(self.path), self.split, (), self.path)
        column(rows, ("compound",), self.path)
        found = [(row["compound"], listed(row, "paraphrases", self.path)) for row in rows]
        pairs = [(own, phrases) for own, phrases in found if set(phrases) - {own}]
        compounds, of = [own for own, _ in pairs], [phrases for _, phrases in pairs]
        documents = list(dict.fromkeys(phrase for phrases in of for phrase in phrases))
        place = {phrase: number for number, phrase in enumerate(documents)}
        return RetrievalProblem(
            queries=compounds,
            documents=documents,
            relevant=[{place[p]: 1 for p in phrases if p != own} for own, phrases in pairs],
            clusters=np.arange(len(pairs), dtype=np.int32),
            excluded=np.array([place.get(own, -1) for own in compounds], np.int32),
        )

    def fingerprint(self) -> str:
        return of_files([self.path], repr(self.split))


def _in_fifth(text: str) -> bool:
    return zlib.crc32(text.encode()) % 5 == 0


def _both(rows: Sequence[Row]) -> list[str]:
    return [text for row in rows for text in (row["good"], row["bad"])]


def _paradigms(rows: Sequence[Row]) -> Int32[np.ndarray, " pairs"]:
    if "paradigm" not in rows[0]:
        return np.arange(len(rows), dtype=np.int32)
    return cluster_numbers([row["paradigm"] for row in rows])
