"""Further task data read off Python's documentation: code, see-also links, damaged summaries, labels.

Objects, splits and clusters are those of `jaxemb.evaluation.pydocs`. Samples depend on the fields
alone.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import PyDocs, Source, WordCipher
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
)
from jaxemb.evaluation.pydocs import (
    Record,
    _Objects,
    distinct,
    first_sentence,
    held,
    some,
)


@dataclass(frozen=True, kw_only=True)
class PyDocsCode(BitextData):
    """Summary ↔ code: what an object is said to do, and its source without the docstring.

    At most `pairs` objects, drawn by `seed`, no two of which share a summary or their code.

    Raises:
        UsageError: if the split has no object with both.
    """

    split: str = "test"
    pairs: int = 500
    seed: int = 0
    source: Source = field(default_factory=PyDocs)

    def load(self) -> BitextProblem:
        return _code(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class PyDocsTranslation(BitextData):
    """Summary ↔ the same summary in a made-up language.

    At most `pairs` objects, drawn by `seed`, no two of which share a summary.

    Raises:
        UsageError: if the split has no object with a summary.
    """

    split: str = "test"
    pairs: int = 500
    seed: int = 0
    source: Source = field(default_factory=PyDocs)
    cipher: WordCipher = WordCipher()

    def load(self) -> BitextProblem:
        return _translation(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class PyDocsSeeAlso(RerankingData):
    """Summary → the summaries of objects that its documentation links to, among others of its package.

    A query is an object with links (at most `queries` of them); relevant are the objects that it
    links to or that link to it, irrelevant `others` unlinked objects of its package, in random order
    by `seed`.

    Raises:
        UsageError: if no object of the split links to another.
    """

    split: str = "test"
    queries: int = 500
    others: int = 20
    seed: int = 0
    source: Source = field(default_factory=PyDocs)

    def load(self) -> RerankingProblem:
        return _see_also(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class PyDocsDegraded(SummaryData):
    """Damaged summaries, graded by how little was damaged, beside the body's first sentence.

    The text is an object with a summary of at least `least` words and a first sentence in its body,
    which is the one trusted summary. The summaries to grade are copies of the object's own summary in
    which a share of 0, 1/(levels-1), ..., 1 of the words is replaced by words of other summaries of
    its package; the grade is the share that was kept.

    Raises:
        UsageError: if the split has no such object.
    """

    split: str = "test"
    texts: int = 300
    levels: int = 5
    least: int = 6
    seed: int = 0
    source: Source = field(default_factory=PyDocs)

    def load(self) -> SummaryProblem:
        return _degraded(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


@dataclass(frozen=True, kw_only=True)
class PyDocsLabelSets(LabelSetData):
    """Text → several fields of its record at once, by default its package and its kind.

    A label is a field with its value, `package=numpy`. Texts learn from `train` objects of the
    training split and are judged on `texts` objects of `split`, drawn by `seed`. Labels with fewer
    than `least` objects in either sample are left out, as are texts that both splits hold.

    Raises:
        UsageError: if fewer than two labels remain, or no record has all the fields.
    """

    split: str = "test"
    labels: tuple[str, ...] = ("package", "kind")
    text: str = "body"
    train: int = 1000
    texts: int = 500
    least: int = 5
    seed: int = 0
    source: Source = field(default_factory=PyDocs)

    def load(self) -> LabelSetProblem:
        return _label_sets(self)

    def fingerprint(self) -> str:
        return fingerprint(self, self.source.fingerprint())


# A run evaluates many models on the same data: problems are kept, by the part that asks for them.
_kept = functools.lru_cache(maxsize=16)


@_kept
def _code(data: PyDocsCode) -> BitextProblem:
    records = held(("summary", "code"), data.source, data.split)
    records = distinct(distinct(records, "summary"), "code")
    chosen = some(records, data.pairs, np.random.default_rng(data.seed))
    return BitextProblem(
        source=[record["summary"] for record in chosen],
        target=[record["code"] for record in chosen],
        clusters=cluster_numbers([record["cluster"] for record in chosen]),
    )


@_kept
def _translation(data: PyDocsTranslation) -> BitextProblem:
    records = held(("summary",), data.source, data.split)
    different = {record["summary"].lower(): record for record in reversed(records)}
    records = [r for r in records if different[r["summary"].lower()] is r]  # ciphers know no case
    chosen = some(records, data.pairs, np.random.default_rng(data.seed))
    return BitextProblem(
        source=[record["summary"] for record in chosen],
        target=[data.cipher(record["summary"]) for record in chosen],
        clusters=cluster_numbers([record["cluster"] for record in chosen]),
    )


@_kept
def _see_also(data: PyDocsSeeAlso) -> RerankingProblem:
    objects = _Objects(held(("summary",), data.source, data.split))
    draw = np.random.default_rng(data.seed)
    asked = some(sorted({end for pair in objects.links for end in pair}), data.queries, draw)
    queries, candidates, relevant = [], [], []
    for query in asked:
        linked = objects.linked(query)
        others = objects.others(query, "package", data.others, draw)
        if not others:
            continue
        order = draw.permutation([*linked, *others]).tolist()
        queries.append(query)
        candidates.append([objects.summary(number) for number in order])
        relevant.append([int(number in linked) for number in order])
    if not queries:
        raise UsageError(f"no object of split {data.split!r} links to another of its package")
    return RerankingProblem(
        queries=[objects.summary(number) for number in queries],
        candidates=candidates,
        relevant=relevant,
        clusters=cluster_numbers([objects.records[number]["cluster"] for number in queries]),
    )


@_kept
def _degraded(data: PyDocsDegraded) -> SummaryProblem:
    records = distinct(held(("summary", "body"), data.source, data.split), "summary")
    words = {package: [] for package in {record["package"] for record in records}}
    for record in records:
        words[record["package"]] += record["summary"].split()
    fit = [r for r in records if first_sentence(r) and len(r["summary"].split()) >= data.least]
    if not fit:
        raise UsageError(f"no object of split {data.split!r} has a long enough summary and body")
    draw = np.random.default_rng(data.seed)
    chosen = some(fit, data.texts, draw)
    shares = np.linspace(0, 1, data.levels)
    return SummaryProblem(
        references=[[first_sentence(record)] for record in chosen],
        summaries=[
            [damaged(record["summary"], share, words[record["package"]], draw) for share in shares]
            for record in chosen
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


@_kept
def _label_sets(data: PyDocsLabelSets) -> LabelSetProblem:
    draw = np.random.default_rng(data.seed)
    fields = (data.text, *data.labels)
    parts = [distinct(held(fields, data.source, part), data.text) for part in ("train", data.split)]
    shared = set.intersection(*({record[data.text] for record in part} for part in parts))
    train, test = (
        some([record for record in part if record[data.text] not in shared], count, draw)
        for part, count in zip(parts, (data.train, data.texts), strict=True)
    )
    known = np.unique([name for record in [*train, *test] for name in _names(record, data)])
    carried = [_carried(part, data, known) for part in (train, test)]
    common = np.min([part.sum(axis=0) for part in carried], axis=0) >= data.least
    if common.sum() < 2:
        raise UsageError(f"fewer than two of {data.labels} have {data.least} texts in both splits")
    return LabelSetProblem(
        train_texts=[record[data.text] for record in train],
        train_labels=carried[0][:, common],
        texts=[record[data.text] for record in test],
        labels=carried[1][:, common],
        clusters=cluster_numbers([record["cluster"] for record in test]),
        names=tuple(known[common].tolist()),
    )


def _names(record: Record, data: PyDocsLabelSets) -> list[str]:
    return [f"{name}={record[name]}" for name in data.labels]


def _carried(
    records: Sequence[Record], data: PyDocsLabelSets, known: np.ndarray
) -> Bool[np.ndarray, "texts labels"]:
    return np.array([np.isin(known, _names(record, data)) for record in records])
