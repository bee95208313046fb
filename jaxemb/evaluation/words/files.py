"""Data of word and phrase tasks in tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.tables import Row, read_rows
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    RetrievalData,
    RetrievalProblem,
    cluster_numbers,
    numbered,
)
from jaxemb.evaluation.tables import SplitFile, Table, TableFile
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
    TripletData,
    TripletProblem,
)


@dataclass(frozen=True, kw_only=True)
class AnalogyFile(TableFile, AnalogyData):
    """Analogy questions: columns `category`, `a`, `b`, `c`, `d`.

    Repeated questions are asked once. `where` keeps the rows that hold each `column=value`.
    `candidates` is a table whose column `word` lists further answers to choose from: published
    accuracies choose among a model's whole vocabulary, and fall with its size.
    """

    files: ClassVar[tuple[str, ...]] = ("path", "candidates")
    candidates: str | None = None

    def load(self) -> AnalogyProblem:
        table = self.table()
        columns = [table.texts(name) for name in ("category", *"abcd")]
        asked = list(dict.fromkeys(zip(*columns, strict=True)))
        names, categories = numbered([row[0] for row in asked])
        further = self.candidates and Table(read_rows(self.candidates), self.candidates)
        return AnalogyProblem(
            questions=[row[1:] for row in asked],
            categories=categories,
            names=names,
            candidates=further.texts("word") if further else [],
        )


@dataclass(frozen=True, kw_only=True)
class AnalogyCategories(TableFile, LabelData):
    """Words labelled by their relation and side in an analogy file: a capital, a currency, a plural.

    The first words of a category's pairs are one label (`currency-1`), the second another
    (`currency-2`). `labels` keeps these alone, by name, as what is to be told apart should be
    things: nouns of one kind against nouns of another. Words under two labels are left out.

    Raises:
        UsageError: if a label is not in the file.
    """

    labels: tuple[str, ...] = ()

    def load(self) -> LabelProblem:
        table, words = self.table(), {}
        for name, side in (("a", 1), ("b", 2), ("c", 1), ("d", 2)):
            for category, word in table.labelled("category", name):
                words.setdefault(f"{category}-{side}", {})[word] = None
        unknown = sorted(set(self.labels) - set(words))
        if unknown:
            raise UsageError(f"{self.path} has no label {unknown[0]}; it has {', '.join(words)}")
        pairs = [(word, name) for name in (self.labels or words) for word in words[name]]
        every = [word for word, _ in pairs]
        return LabelProblem.of((), (pair for pair in pairs if every.count(pair[0]) == 1))


@dataclass(frozen=True, kw_only=True)
class OutlierFile(TableFile, OutlierData):
    """Groups with outliers: JSONL rows of `members` and `outliers`, lists of words.

    Every outlier is asked for with all members; a row is a cluster.
    """

    def load(self) -> OutlierProblem:
        table = self.table()
        rows = zip(table.words("members"), table.words("outliers"), strict=True)
        asked = [
            (tuple(members), outlier, number)
            for number, (members, outliers) in enumerate(rows)
            for outlier in outliers
        ]
        return OutlierProblem(
            groups=[members for members, _, _ in asked],
            outliers=[outlier for _, outlier, _ in asked],
            clusters=np.array([number for _, _, number in asked], np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class ContextFiles(ContextData):
    """Pairs with a rare word (columns `word`, `rare_word`, `score`), and contexts of the rare words
    (rows of `word` and `contexts`, a list). Pairs without contexts are left out.
    """

    files: ClassVar[tuple[str, ...]] = ("pairs", "contexts")
    pairs: str
    contexts: str

    def load(self) -> ContextProblem:
        whole, known = (Table(read_rows(path), path) for path in (self.pairs, self.contexts))
        contexts = dict(zip(known.texts("word"), known.words("contexts"), strict=True))
        whole.values("rare_word")
        table = whole.keep(lambda row: str(row["rare_word"]) in contexts)
        if not len(table):
            raise UsageError(f"{self.contexts} has contexts for no rare word of {self.pairs}")
        rare = table.texts("rare_word")
        return ContextProblem(
            words=table.texts("word"),
            contexts=[tuple(contexts[word]) for word in rare],
            gold=table.gold("score"),
            clusters=cluster_numbers(rare),
        )


@dataclass(frozen=True, kw_only=True)
class AssociationFile(TableFile, AssociationData):
    """One association test: the JSONL row whose `test` is `test`, with `targ1`, `targ2`, `attr1` and
    `attr2`, each an object whose `examples` are texts.
    """

    test: str

    def load(self) -> AssociationProblem:
        rows = [row for row in self.table().rows if row.get("test") == self.test]
        if not rows:
            known = ", ".join(association_tests(self.path))
            raise UsageError(f"{self.path} has no test {self.test}; it has {known}")
        sets = [rows[0].get(name, {}) for name in ("targ1", "targ2", "attr1", "attr2")]
        return AssociationProblem(*Table(sets, self.path).words("examples"))


def association_tests(path: str | Path) -> list[str]:
    """The names of the tests in an association file."""
    return Table(read_rows(path), path).texts("test")


@dataclass(frozen=True, kw_only=True)
class TaggedFile(TableFile, TaggingData):
    """Tagged words: columns `sentence` (words between spaces), `position` (from 0), `label`, `split`.

    `where=("task=Tense",)` keeps the rows of one tag set. Every sentence is its own cluster.
    """

    split: str = "test"

    def load(self) -> TaggingProblem:
        table = self.table()
        train, test = (table.of_split(split) for split in ("train", self.split))
        both, cut = train + test, len(train)
        names, labels = numbered(both.texts("label"))
        sentences = [tuple(text.split(" ")) for text in both.texts("sentence")]
        places = both.numbers("position")
        for place, words in zip(places.tolist(), sentences, strict=True):
            if not (0 <= place < len(words) and place == int(place)):
                raise UsageError(
                    f"{self.path}: position {place:g} is no word of {' '.join(words)!r}, which has "
                    f"{len(words)}, from 0"
                )
        places = places.astype(np.int32)
        return TaggingProblem(
            sentences[:cut], places[:cut], labels[:cut],
            sentences[cut:], places[cut:], labels[cut:],
            cluster_numbers([" ".join(words) for words in sentences[cut:]]), names,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MinimalPairs(TableFile, LabelData):
    """Pairs of a good and a bad sentence (columns `good`, `bad`), labelled 1 and 0.

    Both of a pair stand on the same side: a fifth of the pairs, chosen by a hash of the good one, is
    judged, the others are fitted on. A column `paradigm`, where there is one, is the cluster.
    """

    def load(self) -> LabelProblem:
        parts = self.table().in_fifths("good")
        pairs = [[*zip(part.texts("good"), part.texts("bad"), strict=True)] for part in parts]
        train, test = ([text for pair in part for text in pair] for part in pairs)
        labels = [np.tile([1, 0], len(part)).astype(np.int32) for part in pairs]
        judged = parts[1]
        has_paradigm = "paradigm" in judged.rows[0]
        clusters = cluster_numbers(judged.texts("paradigm")) if has_paradigm else judged.count()
        return LabelProblem(
            train, labels[0], test, labels[1], np.repeat(clusters, 2), ("bad", "good")
        )


@dataclass(frozen=True, kw_only=True)
class TripletFile(TableFile, TripletData):
    """Triplets: columns `anchor`, `positive`, `negative`. Every row is its own cluster."""

    def load(self) -> TripletProblem:
        table = self.table()
        columns = (table.texts(name) for name in ("anchor", "positive", "negative"))
        return TripletProblem(*columns, table.count())


@dataclass(frozen=True, kw_only=True)
class VariantFile(TableFile, TripletData):
    """Variants of a sentence against a word of it, from one row per variant.

    Rows that agree in `group` (column names) are variants of one sentence; `column` tells them apart.
    The anchor is the text of `anchor`, the nearer text the variant `first`, the farther one `second`;
    groups without both are left out. The anchors' texts are clusters.

    Example:
        >>> data = VariantFile(path="winogender.tsv")    # occupation: "he" against "she"
        >>> data.first, data.second
        ('male', 'female')
    """

    anchor: str = "occupation"
    group: tuple[str, ...] = ("occupation", "participant", "answer")
    column: str = "gender"
    first: str = "male"
    second: str = "female"
    text: str = "sentence"

    def load(self) -> TripletProblem:
        table = self.table()
        for name in (self.anchor, self.column, self.text, *self.group):
            table.values(name)
        groups: dict[tuple, dict[str, Row]] = {}
        for row in table.rows:
            key = tuple(row[name] for name in self.group)
            groups.setdefault(key, {})[row[self.column]] = row
        pairs = [
            (variants[self.first], variants[self.second])
            for variants in groups.values()
            if self.first in variants and self.second in variants
        ]
        if not pairs:
            raise UsageError(f"{self.path} has no group with {self.first} and {self.second}")
        anchors = [first[self.anchor] for first, _ in pairs]
        nearer, farther = ([row[self.text] for row in side] for side in zip(*pairs, strict=True))
        return TripletProblem(anchors, nearer, farther, cluster_numbers(anchors))


@dataclass(frozen=True, kw_only=True)
class BlankedDefinitions(TableFile, RetrievalData):
    """Find a word by its definition (columns `word`, `definition`), among all words of the table.

    The definition's `___`, which stands for the word, becomes `blank`.
    """

    blank: str = "something"

    def load(self) -> RetrievalProblem:
        table = self.table()
        words = table.texts("word")
        documents = list(dict.fromkeys(words))
        place = {word: number for number, word in enumerate(documents)}
        return RetrievalProblem(
            queries=[text.replace("___", self.blank) for text in table.texts("definition")],
            documents=documents,
            relevant=[{place[word]: 1} for word in words],
            clusters=np.array([place[word] for word in words], np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class Paraphrases(SplitFile, RetrievalData):
    """Find a paraphrase of a compound (rows of `compound` and `paraphrases`, a list) among those of
    all compounds of the split. A compound that paraphrases another is no document for itself.
    """

    def load(self) -> RetrievalProblem:
        table = self.table()
        rows = zip(table.texts("compound"), table.words("paraphrases"), strict=True)
        pairs = [(compound, phrases) for compound, phrases in rows if set(phrases) - {compound}]
        documents = list(dict.fromkeys(phrase for _, phrases in pairs for phrase in phrases))
        place = {phrase: number for number, phrase in enumerate(documents)}
        return RetrievalProblem(
            queries=[compound for compound, _ in pairs],
            documents=documents,
            relevant=[{place[p]: 1 for p in phrases if p != word} for word, phrases in pairs],
            clusters=np.arange(len(pairs), dtype=np.int32),
            excluded=np.array([place.get(compound, -1) for compound, _ in pairs], np.int32),
        )
