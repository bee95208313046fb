"""Further task data read off Python's documentation: code, see-also links, damaged summaries, labels.

Objects, splits and clusters are those of `jaxemb.evaluation.pydocs`. Samples depend on the fields
alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.data import WordCipher
from jaxemb.evaluation.problems import (
    BitextData,
    BitextProblem,
    LabelSetData,
    LabelSetProblem,
    RerankingData,
    RerankingProblem,
    SummaryData,
    SummaryProblem,
    cluster_numbers,
    kept,
)
from jaxemb.evaluation.pydocs import (
    Documentation,
    LinkedObjects,
    Record,
    distinct,
    first_sentence,
    some,
)


@dataclass(frozen=True, kw_only=True)
class PyDocsCode(Documentation, BitextData):
    """Summary ↔ code: what an object is said to do, and its source without the docstring.

    At most `pairs` objects, drawn by `seed`, no two of which share a summary or their code.

    Raises:
        UsageError: if the split has no object with both.
    """

    pairs: Annotated[int, AtLeast(1)] = 500

    @kept
    def load(self) -> BitextProblem:
        records = distinct(distinct(self.records("summary", "code"), "summary"), "code")
        chosen = some(records, self.pairs, self.draw())
        return _bitext(chosen, [record["code"] for record in chosen])


@dataclass(frozen=True, kw_only=True)
class PyDocsTranslation(Documentation, BitextData):
    """Summary ↔ the same summary in a made-up language.

    At most `pairs` objects, drawn by `seed`, no two of which share a summary.

    Raises:
        UsageError: if the split has no object with a summary.
    """

    pairs: Annotated[int, AtLeast(1)] = 500
    cipher: WordCipher = WordCipher()

    @kept
    def load(self) -> BitextProblem:
        records = self.records("summary")
        different = {record["summary"].lower(): record for record in reversed(records)}
        # Ciphers know no case.
        records = [r for r in records if different[r["summary"].lower()] is r]
        chosen = some(records, self.pairs, self.draw())
        return _bitext(chosen, [self.cipher(record["summary"]) for record in chosen])


def _bitext(records: Sequence[Record], target: list[str]) -> BitextProblem:
    return BitextProblem(
        source=[record["summary"] for record in records],
        target=target,
        clusters=cluster_numbers([record["cluster"] for record in records]),
    )


@dataclass(frozen=True, kw_only=True)
class PyDocsSeeAlso(Documentation, RerankingData):
    """Summary → the summaries of objects that its documentation links to, among others of its package.

    A query is an object with links (at most `queries` of them); relevant are the objects that it
    links to or that link to it, irrelevant `others` unlinked objects of its package, in random order
    by `seed`.

    Raises:
        UsageError: if no object of the split links to another.
    """

    queries: Annotated[int, AtLeast(1)] = 500
    others: Annotated[int, AtLeast(1)] = 20

    @kept
    def load(self) -> RerankingProblem:
        objects, draw = LinkedObjects(self.records("summary")), self.draw()
        asked = some(sorted({end for pair in objects.links for end in pair}), self.queries, draw)
        rows = []
        for query in asked:
            linked = objects.linked(query)
            others = objects.others(query, "package", self.others, draw)
            if others:
                rows.append((query, linked, draw.permutation([*linked, *others]).tolist()))
        if not rows:
            raise UsageError(f"no object of split {self.split!r} links to another of its package")
        return RerankingProblem(
            queries=[objects.summary(query) for query, _, _ in rows],
            candidates=[[objects.summary(number) for number in order] for _, _, order in rows],
            relevant=[[int(number in linked) for number in order] for _, linked, order in rows],
            clusters=cluster_numbers([objects.records[query]["cluster"] for query, _, _ in rows]),
        )


@dataclass(frozen=True, kw_only=True)
class PyDocsDegraded(Documentation, SummaryData):
    """Damaged summaries, graded by how little was damaged, beside the body's first sentence.

    The text is an object with a summary of at least `least` words and a first sentence in its body,
    which is the one trusted summary. The summaries to grade are copies of the object's own summary in
    which a share of 0, 1/(levels-1), ..., 1 of the words is replaced by words of other summaries of
    its package; the grade is the share that was kept.

    Raises:
        UsageError: if the split has no such object.
    """

    texts: Annotated[int, AtLeast(1)] = 300
    levels: Annotated[int, AtLeast(1)] = 5
    least: Annotated[int, AtLeast(0)] = 6

    @kept
    def load(self) -> SummaryProblem:
        records, draw = distinct(self.records("summary", "body"), "summary"), self.draw()
        words: dict[str, list[str]] = {record["package"]: [] for record in records}
        for record in records:
            words[record["package"]] += record["summary"].split()
        fit = [r for r in records if first_sentence(r) and len(r["summary"].split()) >= self.least]
        if not fit:
            raise UsageError(
                f"no object of split {self.split!r} has a long enough summary and body"
            )
        chosen, shares = some(fit, self.texts, draw), np.linspace(0, 1, self.levels)
        return SummaryProblem(
            references=[[first_sentence(record)] for record in chosen],
            summaries=[
                [damaged(r["summary"], share, words[r["package"]], draw) for share in shares]
                for r in chosen
            ],
            gold=[(1 - shares).tolist() for _ in chosen],
            clusters=cluster_numbers([record["cluster"] for record in chosen]),
        )


def damaged(text: str, share: float, others: Sequence[str], draw: np.random.Generator) -> str:
    """The text with a share of its words, at random places, replaced by random other words."""
    words = text.split()
    places = draw.choice(len(words), round(share * len(words)), replace=False)
    for place in places.tolist():
        words[place] = others[draw.integers(len(others))]
    return " ".join(words)


@dataclass(frozen=True, kw_only=True)
class PyDocsLabelSets(Documentation, LabelSetData):
    """Text → several fields of its record at once, by default its package and its kind.

    A label is a field with its value, `package=numpy`. Texts learn from `train` objects of the
    training split and are judged on `texts` objects of `split`, drawn by `seed`. Labels with fewer
    than `least` objects in either sample are left out, as are texts that both splits hold.

    Raises:
        UsageError: if fewer than two labels remain, or no record has all the fields.
    """

    labels: tuple[str, ...] = ("package", "kind")
    text: str = "body"
    train: Annotated[int, AtLeast(1)] = 1000
    texts: Annotated[int, AtLeast(1)] = 500
    least: Annotated[int, AtLeast(0)] = 5

    @kept
    def load(self) -> LabelSetProblem:
        parts = self.two_parts(self.text, self.labels, (self.train, self.texts), self.draw())
        sets = [[self._labels(record) for record in part] for part in parts]
        return LabelSetProblem.of(
            *([record[self.text] for record in part] for part in parts),
            *sets,
            least=self.least,
            clusters=[record["cluster"] for record in parts[1]],
        )

    def _labels(self, record: Record) -> set[str]:
        return {f"{name}={record[name]}" for name in self.labels}
