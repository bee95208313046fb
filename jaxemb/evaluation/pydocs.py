"""Task data read off the structure of Python's own documentation: held-out objects, no annotators.

An object (a function, class, module, ...) has a summary (the docstring's first line), a body (the
rest), links to other objects, a module and a package. The examples of one module vary together:
the record's `cluster` is the cluster of every example. Samples depend on the fields alone.
"""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.data import PyDocs, Source
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    RetrievalData,
    RetrievalProblem,
    TaskData,
    cluster_numbers,
    kept,
)
from jaxemb.text.sentences import boundary

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Documentation(TaskData):
    """Base of data read off documentation: a split of its objects, sampled by `seed`."""

    split: str = "test"
    seed: Annotated[int, AtLeast(0)] = 0
    source: Source = field(default_factory=PyDocs)

    def records(self, *fields: str) -> list[Record]:
        """Records of the split that hold a text in every field, in the order of their names."""
        return records_with(fields, self.source, self.split)

    def draw(self) -> np.random.Generator:
        """The generator of this sample, from its start."""
        return np.random.default_rng(self.seed)

    def two_parts(
        self, text: str, fields: Sequence[str], counts: Sequence[int], draw: np.random.Generator
    ) -> list[list[Record]]:
        """Samples of the training split and of this one, none of whose texts both splits hold."""
        parts = [
            distinct(records_with((text, *fields), self.source, split), text)
            for split in ("train", self.split)
        ]
        shared = set.intersection(*({record[text] for record in part} for part in parts))
        return [
            some([record for record in part if record[text] not in shared], count, draw)
            for part, count in zip(parts, counts, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class PyDocsRetrieval(Documentation, RetrievalData):
    """Summary → body, over the different bodies of one split; or another field as `answer`.

    With `answer="code"` it is code search. Objects with equal bodies share one document, and objects
    with equal summaries one query, to which all their bodies are relevant (grade 1). `queries` and
    `documents` cap how many of either are taken, at random by `seed`, answers before other
    documents; None takes all.

    Raises:
        UsageError: if the split has no object with both a summary and a body.
    """

    queries: Annotated[int, AtLeast(1)] | None = 1000
    documents: Annotated[int, AtLeast(1)] | None = None
    answer: str = "body"

    @kept
    def load(self) -> RetrievalProblem:
        records, draw = self.records("summary", self.answer), self.draw()
        bodies: dict[str, set[str]] = defaultdict(set)
        clusters: dict[str, str] = {}
        for record in records:
            bodies[record["summary"]].add(record[self.answer])
            clusters.setdefault(record["summary"], record["cluster"])
        asked = some(sorted(bodies), self.queries, draw)
        answers = {body for query in asked for body in bodies[query]}
        others = sorted({record[self.answer] for record in records} - answers)
        room = None if self.documents is None else max(0, self.documents - len(answers))
        corpus = sorted(answers | set(some(others, room, draw)))
        place = {body: number for number, body in enumerate(corpus)}
        return RetrievalProblem(
            queries=asked,
            documents=corpus,
            relevant=[{place[body]: 1 for body in sorted(bodies[query])} for query in asked],
            clusters=cluster_numbers([clusters[query] for query in asked]),
        )


@dataclass(frozen=True, kw_only=True)
class PyDocsGrades(Documentation, PairData):
    """Pairs graded by how near two objects stand in the documentation.

    | grade | the pair |
    |---|---|
    | 4 | an object's summary and the first sentence of its own body |
    | 3 | the summaries of two objects, one of which links to the other |
    | 2 | the summaries of two objects of one module, not linked |
    | 1 | the summaries of two objects of one package, in different modules, not linked |
    | 0 | the summaries of two objects of different packages, not linked |

    A fifth of `pairs` per grade, or as many as there are, drawn by `seed`; a pair's texts differ. Its
    cluster is that of its first object. The grades are ordered, not spaced: Spearman's correlation
    is the one to read.
    """

    pairs: Annotated[int, AtLeast(1)] = 2000

    @kept
    def load(self) -> PairProblem:
        objects, draw, wanted = LinkedObjects(self.records("summary")), self.draw(), self.pairs // 5
        linked = some(sorted(objects.links), wanted, draw)
        by_grade = {
            3: linked,
            2: objects.sample(lambda a, b: a["module"] == b["module"], "module", wanted, draw),
            1: objects.sample(lambda a, b: a["module"] != b["module"], "package", wanted, draw),
            0: objects.sample(lambda a, b: a["package"] != b["package"], None, wanted, draw),
        }
        openings = [
            (n, s) for n, record in enumerate(objects.records) if (s := first_sentence(record))
        ]
        rows = [(number, sentence, 4) for number, sentence in some(openings, wanted, draw)]
        for grade, pairs in by_grade.items():
            rows += [(left, objects.summary(right), grade) for left, right in pairs]
        return objects.problem(rows)


@dataclass(frozen=True, kw_only=True)
class PyDocsLinks(Documentation, PairData):
    """Linked objects against unlinked ones of the same package, by their summaries.

    Half of `pairs` (or as many as there are links) match: one object's documentation refers to the
    other. Each has a counterpart with gold value 0: the same first object and an object of its
    package that neither refers to it nor is referred to.
    """

    pairs: Annotated[int, AtLeast(1)] = 1000

    @kept
    def load(self) -> PairProblem:
        objects, draw = LinkedObjects(self.records("summary")), self.draw()
        rows = []
        for left, right in some(sorted(objects.links), self.pairs // 2, draw):
            other = objects.unlinked(left, "package", draw)
            if other is not None:
                rows += [(left, objects.summary(right), 1), (left, objects.summary(other), 0)]
        return objects.problem(rows)


@dataclass(frozen=True, kw_only=True)
class PyDocsLabels(Documentation, LabelData):
    """Text → a field of its record, such as the `package` or `kind` of each `body` or `summary`.

    The probe learns from `train` objects of the training split and is judged on `texts` objects of
    `split`, drawn by `seed`. Labels with fewer than `least` objects in either sample are left out,
    as are texts of one split that the other also holds.

    Raises:
        UsageError: if fewer than two labels remain, or the records have no such field.
    """

    label: str = "package"
    text: str = "body"
    train: Annotated[int, AtLeast(1)] = 1000
    texts: Annotated[int, AtLeast(1)] = 1000
    least: Annotated[int, AtLeast(0)] = 5

    @kept
    def load(self) -> LabelProblem:
        parts = self.two_parts(self.text, (self.label,), (self.train, self.texts), self.draw())
        counts = [Counter(record[self.label] for record in part) for part in parts]
        names = {name for name in counts[0] if min(of[name] for of in counts) >= self.least}
        if len(names) < 2:
            raise UsageError(
                f"fewer than two values of {self.label} have {self.least} texts in both the "
                f"training split and {self.split}"
            )
        train, test = ([r for r in part if r[self.label] in names] for part in parts)
        return LabelProblem.of(
            *([(r[self.text], r[self.label]) for r in part] for part in (train, test)),
            clusters=[record["cluster"] for record in test],
        )


class LinkedObjects:
    """Objects of one split with different summaries, and who links to whom."""

    def __init__(self, records: Sequence[Record]):
        self.records = distinct(records, "summary")
        numbers = {record["name"]: n for n, record in enumerate(self.records)}
        self.links = {
            (min(n, m), max(n, m))
            for n, record in enumerate(self.records)
            for m in (numbers.get(name, n) for name in record["links"])
            if m != n
        }
        self._groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for n, record in enumerate(self.records):
            for by in ("module", "package"):
                self._groups[by, record[by]].append(n)

    def summary(self, number: int) -> str:
        return self.records[number]["summary"]

    def unlinked(self, left: int, by: str | None, draw: np.random.Generator) -> int | None:
        """Another object without link, of the same module or package or any; None if luck fails."""
        group = self._groups[by, self.records[left][by]] if by else range(len(self.records))
        for right in draw.choice(group, size=8).tolist():
            if right != left and (min(left, right), max(left, right)) not in self.links:
                return right
        return None

    def linked(self, number: int) -> list[int]:
        """The objects that link to this one or that it links to."""
        return sorted({a + b - number for a, b in self.links if number in (a, b)})

    def others(self, number: int, by: str, wanted: int, draw: np.random.Generator) -> list[int]:
        """Up to `wanted` other objects of its module or package without a link to it."""
        near = {number, *self.linked(number)}
        group = [n for n in self._groups[by, self.records[number][by]] if n not in near]
        return some(group, wanted, draw)

    def sample(
        self,
        accepts: Callable[[Record, Record], bool],
        by: str | None,
        wanted: int,
        draw: np.random.Generator,
    ) -> list[tuple[int, int]]:
        """Up to `wanted` different unlinked pairs that `accepts` takes."""
        found: dict[tuple[int, int], None] = {}
        for left in draw.integers(len(self.records), size=20 * wanted).tolist():
            right = self.unlinked(left, by, draw)
            if right is not None and accepts(self.records[left], self.records[right]):
                found[min(left, right), max(left, right)] = None
            if len(found) == wanted:
                break
        return list(found)

    def problem(self, rows: Sequence[tuple[int, str, int]]) -> PairProblem:
        """Pairs of an object's summary and a text, with their gold value."""
        if not rows:
            raise UsageError(
                "no object of this split links to another: there are no pairs to judge"
            )
        first, second, gold = zip(*rows, strict=True)
        return PairProblem(
            first=[self.summary(number) for number in first],
            second=list(second),
            gold=np.array(gold, np.float64),
            clusters=cluster_numbers([self.records[number]["cluster"] for number in first]),
        )


# A paragraph that opens a section or a directive is no prose: "Parameters x : int", "Returns: ...".
_SECTION = re.compile(
    r"(?:Parameters|Arguments|Args|Attributes|Notes|Examples|References|See Also)\b"
    r"|(?:Returns|Yields|Raises|Usage|Note|Example)(?::| \S+ :)"
    r"|\.\. "
)
_SENTENCE_END = boundary(".!?:")


def first_sentence(record: Record, least: int = 5) -> str | None:
    """First sentence of the body, whose paragraphs are lines.

    None where the body opens with a section instead of prose, or where the sentence has fewer than
    `least` words or repeats the summary.
    """
    paragraph = (record.get("body") or "").partition("\n")[0].strip()
    sentence = _SENTENCE_END.split(paragraph, maxsplit=1)[0]
    long_enough = len(sentence.split()) >= least and not _SECTION.match(paragraph)
    return sentence if long_enough and sentence != record["summary"] else None


@functools.lru_cache(maxsize=4)
def _all_records(source: Source, split: str) -> tuple[Record, ...]:
    return tuple(source.records(split))


def records_with(fields: Sequence[str], source: Source, split: str) -> list[Record]:
    """Records of a split that hold a text in every field, in the order of their names."""
    records = [r for r in _all_records(source, split) if all(r.get(name) for name in fields)]
    if not records:
        raise UsageError(f"no object of split {split!r} has {' and '.join(fields)}")
    return sorted(records, key=lambda record: record["name"])


def distinct(records: Sequence[Record], name: str) -> list[Record]:
    """The first record of every different value of a field."""
    return list({record[name]: record for record in reversed(records)}.values())[::-1]


def some(items: Sequence[Any], count: int | None, draw: np.random.Generator) -> list[Any]:
    """At most `count` of the items, drawn without replacement, in their order."""
    if count is None or count >= len(items):
        return list(items)
    return [items[place] for place in np.sort(draw.choice(len(items), count, replace=False))]
