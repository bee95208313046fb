"""Data of word tasks in tables, TSV or JSONL, plain or gzipped."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from jaxemb.config import UsageError, fingerprint
from jaxemb.config.files import given_path
from jaxemb.data.tables import Row, read_rows
from jaxemb.evaluation.files import column, numbers, select
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    cluster_numbers,
)
from jaxemb.evaluation.words.problems import (
    AnalogyData,
    AnalogyProblem,
    AssociationData,
    AssociationProblem,
    ContextData,
    ContextProblem,
    OutlierData,
    OutlierProblem,
    TaggingData,
    TaggingProblem,
)


@dataclass(frozen=True, kw_only=True)
class WordPairFile(PairData):
    """Word pairs with a grade: columns `word1`, `word2` (or `text1`, `text2`) and `score`."""

    path: str

    def load(self) -> PairProblem:
        rows = read_rows(self.path)
        return PairProblem(
            column(rows, ("word1", "text1"), self.path),
            column(rows, ("word2", "text2"), self.path),
            numbers(column(rows, ("score",), self.path), self.path),
            np.arange(len(rows), dtype=np.int32),
        )

    def fingerprint(self) -> str:
        return of_files([self.path])


@dataclass(frozen=True, kw_only=True)
class AnalogyFile(AnalogyData):
    """Analogy questions: columns `category`, `a`, `b`, `c`, `d`.

    Repeated questions are asked once. `where` keeps the rows that hold each `column=value`.
    `candidates` is a table whose column `word` lists further answers to choose from: published
    accuracies choose among a model's whole vocabulary, and fall with its size.
    """

    path: str
    where: tuple[str, ...] = ()
    candidates: str | None = None

    def load(self) -> AnalogyProblem:
        rows = select(read_rows(self.path), "", self.where, self.path)
        columns = [column(rows, (name,), self.path) for name in ("category", *"abcd")]
        asked = list(dict.fromkeys(zip(*columns, strict=True)))
        names, categories = np.unique([row[0] for row in asked], return_inverse=True)
        more = read_rows(self.candidates) if self.candidates else []
        return AnalogyProblem(
            questions=[row[1:] for row in asked],
            categories=categories.astype(np.int32),
            names=tuple(names.tolist()),
            candidates=column(more, ("word",), self.candidates) if more else [],
        )

    def fingerprint(self) -> str:
        return of_files([path for path in (self.path, self.candidates) if path], repr(self.where))


@dataclass(frozen=True, kw_only=True)
class AnalogyCategories(LabelData):
    """Words labelled by their relation and side in an analogy file: a capital, a currency, a plural.

    The first words of a category's pairs are one label (`currency-1`), the second another
    (`currency-2`). `labels` keeps these alone, by name, as what is to be told apart should be
    things: nouns of one kind against nouns of another. Words under two labels are left out.

    Raises:
        UsageError: if a label is not in the file.
    """

    path: str
    labels: tuple[str, ...] = ()

    def load(self) -> LabelProblem:
        found = self._words()
        unknown = sorted(set(self.labels) - set(found))
        if unknown:
            raise UsageError(f"{self.path} has no label {unknown[0]}; it has {', '.join(found)}")
        kept = {name: found[name] for name in (self.labels or found)}
        words = [word for of in kept.values() for word in of]
        names, texts = sorted(kept), [w for w in dict.fromkeys(words) if words.count(w) == 1]
        labels = [next(n for n, name in enumerate(names) if word in kept[name]) for word in texts]
        return _judged_only(texts, np.array(labels, np.int32), names)

    def _words(self) -> dict[str, dict[str, None]]:
        rows = read_rows(self.path)
        found: dict[str, dict[str, None]] = {}
        for name, side in (("a", 1), ("b", 2), ("c", 1), ("d", 2)):
            categories = column(rows, ("category",), self.path)
            for category, word in zip(categories, column(rows, (name,), self.path), strict=True):
                found.setdefault(f"{category}-{side}", {})[word] = None
        return found

    def fingerprint(self) -> str:
        return of_files([self.path], repr(self.labels))


@dataclass(frozen=True, kw_only=True)
class OutlierFile(OutlierData):
    """Groups with outliers: JSONL rows of `members` and `outliers`, lists of words.

    Every outlier is asked for with all members; a row is a cluster.
    """

    path: str

    def load(self) -> OutlierProblem:
        rows = read_rows(self.path)
        asked = [
            (tuple(members), outlier, number)
            for number, row in enumerate(rows)
            for members in [listed(row, "members", self.path)]
            for outlier in listed(row, "outliers", self.path)
        ]
        return OutlierProblem(
            groups=[members for members, _, _ in asked],
            outliers=[outlier for _, outlier, _ in asked],
            clusters=np.array([number for _, _, number in asked], np.int32),
        )

    def fingerprint(self) -> str:
        return of_files([self.path])


@dataclass(frozen=True, kw_only=True)
class ContextFiles(ContextData):
    """Pairs with a rare word (columns `word`, `rare_word`, `score`), and contexts of the rare words
    (rows of `word` and `contexts`, a list). Pairs without contexts are left out.
    """

    pairs: str
    contexts: str

    def load(self) -> ContextProblem:
        rows, known = read_rows(self.pairs), read_rows(self.contexts)
        of = {row["word"]: listed(row, "contexts", self.contexts) for row in known}
        rare = column(rows, ("rare_word",), self.pairs)
        kept = [place for place, word in enumerate(rare) if word in of]
        if not kept:
            raise UsageError(f"{self.contexts} has contexts for no rare word of {self.pairs}")
        words = column(rows, ("word",), self.pairs)
        gold = numbers(column(rows, ("score",), self.pairs), self.pairs)
        return ContextProblem(
            words=[words[place] for place in kept],
            contexts=[tuple(of[rare[place]]) for place in kept],
            gold=gold[kept],
            clusters=cluster_numbers([rare[place] for place in kept]),
        )

    def fingerprint(self) -> str:
        return of_files([self.pairs, self.contexts])


@dataclass(frozen=True, kw_only=True)
class AssociationFile(AssociationData):
    """One association test: the JSONL row whose `test` is `test`, with `targ1`, `targ2`, `attr1` and
    `attr2`, each an object whose `examples` are texts.
    """

    path: str
    test: str

    def load(self) -> AssociationProblem:
        rows = [row for row in read_rows(self.path) if row.get("test") == self.test]
        if not rows:
            known = ", ".join(association_tests(self.path))
            raise UsageError(f"{self.path} has no test {self.test}; it has {known}")
        sets = [rows[0].get(name, {}) for name in ("targ1", "targ2", "attr1", "attr2")]
        return AssociationProblem(*(listed(of, "examples", self.path) for of in sets))

    def fingerprint(self) -> str:
        return of_files([self.path], self.test)


def association_tests(path: str | Path) -> list[str]:
    """The names of the tests in an association file."""
    return column(read_rows(path), ("test",), path)


@dataclass(frozen=True, kw_only=True)
class TaggedFile(TaggingData):
    """Tagged words: columns `sentence` (words between spaces), `position` (from 0), `label`, `split`.

    `where=("task=Tense",)` keeps the rows of one tag set. Every sentence is its own cluster.
    """

    path: str
    where: tuple[str, ...] = ()
    split: str = "test"

    def load(self) -> TaggingProblem:
        rows = read_rows(self.path)
        parts = [select(rows, split, self.where, self.path) for split in ("train", self.split)]
        both = parts[0] + parts[1]
        names, labels = np.unique(column(both, ("label",), self.path), return_inverse=True)
        sentences = [tuple(text.split(" ")) for text in column(both, ("sentence",), self.path)]
        given = numbers(column(both, ("position",), self.path), self.path)
        for place, words in zip(given.tolist(), sentences, strict=True):
            if not (0 <= place < len(words) and place == int(place)):
                raise UsageError(
                    f"{self.path}: position {place:g} is no word of {' '.join(words)!r}, which has "
                    f"{len(words)}, from 0"
                )
        places = given.astype(np.int32)
        cut, labels = len(parts[0]), labels.astype(np.int32)
        return TaggingProblem(
            sentences[:cut], places[:cut], labels[:cut],
            sentences[cut:], places[cut:], labels[cut:],
            cluster_numbers([" ".join(words) for words in sentences[cut:]]),
            tuple(names.tolist()),
        )  # fmt: skip

    def fingerprint(self) -> str:
        return of_files([self.path], repr((self.where, self.split)))


def of_files(paths: Sequence[str | Path], settings: str = "") -> str:
    """Fingerprint of the files' bytes and of the settings that choose among their rows."""
    try:
        hashes = [hashlib.sha256(given_path(path).read_bytes()).hexdigest() for path in paths]
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None
    return fingerprint([*hashes, settings])[:16]


def listed(row: Row, name: str, path: str | Path) -> list[str]:
    """A list of texts in a JSON row."""
    words = row.get(name)
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise UsageError(f"{path}: {name} must be a list of texts in every row")
    return words


def _judged_only(
    texts: list[str], labels: Int32[np.ndarray, " texts"], names: Sequence[str]
) -> LabelProblem:
    return LabelProblem(
        train_texts=[],
        train_labels=np.zeros(0, np.int32),
        texts=texts,
        labels=labels,
        clusters=np.arange(len(texts), dtype=np.int32),
        names=tuple(names),
    )
