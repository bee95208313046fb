"""Python's documentation as many small tasks: one of every type for every part that is large enough.

Tests over tasks need at least ten tasks a type. A part is a package, or a sub-package that has
enough objects to stand alone; what is left of its package is then a part without it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.data import PyDocs, Source, Within
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.problems import (
    LabelData,
    LabelProblem,
    PairData,
    PairProblem,
    cluster_numbers,
)
from jaxemb.evaluation.pydocs import (
    Documentation,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsRetrieval,
    distinct,
    first_sentence,
    records_with,
    some,
)
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sts import STS, PairClassification


@dataclass(frozen=True, kw_only=True)
class PyDocsOpenings(Documentation, PairData):
    """An object's summary with the first sentence of its own body, against that of another's.

    Half of `pairs` match. The other half has the same first texts, each with a sentence of another
    object of the source, drawn by `seed`.

    Raises:
        UsageError: fewer than two objects have a body that opens with a sentence.
    """

    pairs: Annotated[int, AtLeast(1)] = 1000

    def load(self) -> PairProblem:
        records = distinct(self.records("summary", "body"), "summary")
        openings = [(r, s) for r in records if (s := first_sentence(r)) is not None]
        sentences = sorted({sentence for _, sentence in openings})
        if len(sentences) < 2:
            raise UsageError(f"no two objects of split {self.split!r} open with a sentence")
        draw = self.draw()
        chosen = some(openings, self.pairs // 2, draw)
        first, second = [], []
        for record, sentence in chosen:
            place = sentences.index(sentence)
            other = sentences[(place + draw.integers(1, len(sentences))) % len(sentences)]
            first += [record["summary"]] * 2
            second += [sentence, other]
        clusters = cluster_numbers([record["cluster"] for record, _ in chosen])
        return PairProblem(first, second, np.tile([1.0, 0.0], len(chosen)), np.repeat(clusters, 2))


@dataclass(frozen=True, kw_only=True)
class PyDocsGroups(Documentation, LabelData):
    """Texts to be grouped by a field of their records, such as the module; none to fit on.

    Values of the field with fewer than `least` different texts are left out.

    Raises:
        UsageError: fewer than two values remain.
    """

    label: str = "module"
    text: str = "summary"
    texts: Annotated[int, AtLeast(1)] = 1000
    least: Annotated[int, AtLeast(0)] = 3

    def load(self) -> LabelProblem:
        records = distinct(self.records(self.text, self.label), self.text)
        records = some(records, self.texts, self.draw())
        counts = Counter(record[self.label] for record in records)
        chosen = [record for record in records if counts[record[self.label]] >= self.least]
        if len({record[self.label] for record in chosen}) < 2:
            raise UsageError(f"fewer than two values of {self.label} have {self.least} texts")
        judged = ((record[self.text], record[self.label]) for record in chosen)
        return LabelProblem.of((), judged, [record["cluster"] for record in chosen])


def package_tasks(
    split: str = "test", *, source: Source | None = None, least: int = 15, alone: int = 40
) -> tuple[Task, ...]:
    """A task of every type for every part of the documentation that gives one.

    Args:
        split: `"dev"` for choosing settings.
        source: the documentation, by default `PyDocs()`.
        least: objects with summary and body that a part needs.
        alone: as many as a sub-package needs to be a part of its own.

    Example:
        >>> [task.name for task in package_tasks()][:2]      # doctest: +SKIP
        ['retrieval-flax', 'sts-flax']
    """
    source = source or PyDocs()
    return tuple(
        task
        for name, part in sorted(parts_of(source, split, least, alone).items())
        for task in _tasks(name, part, split)
        if _gives(task)
    )


def parts_of(source: Source, split: str, least: int, alone: int) -> dict[str, Within]:
    """Packages and the sub-packages that stand alone, by name."""
    records = records_with(("summary", "body"), source, split)
    sizes = Counter((record["package"], _second(record)) for record in records)
    large = {key: count for key, count in sizes.items() if count >= alone}
    found = {
        second: Within(inner=source, package=package, modules=(second,))
        for package, second in large
    }
    for package in {record["package"] for record in records}:
        out = tuple(sorted(second for of, second in large if of == package))
        left = sum(n for (of, second), n in sizes.items() if of == package and second not in out)
        if left >= least:
            whole = Within(inner=source, package=package, modules=_roots(records, package))
            found[package] = replace(whole, without=out)
    return found


def _roots(records: Sequence[dict], package: str) -> tuple[str, ...]:
    """A package's own name where its modules begin with it; none for the standard library."""
    named = all(r["module"].split(".")[0] == package for r in records if r["package"] == package)
    return (package,) if named else ()


def _second(record: dict) -> str:
    """`numpy.linalg` of a module of numpy; `json` of a module of the standard library."""
    names = record["module"].split(".")
    return ".".join(names[: 1 + (names[0] == record["package"])])


def _tasks(name: str, part: Within, split: str) -> Iterator[Task]:
    given = {"source": part, "split": split}
    yield Retrieval(name=f"retrieval-{name}", data=PyDocsRetrieval(**given))
    yield STS(name=f"sts-{name}", data=PyDocsGrades(pairs=500, **given))
    yield PairClassification(name=f"pairs-{name}", data=PyDocsOpenings(**given))
    kinds = PyDocsLabels(label="kind", text="summary", **given)
    yield Classification(name=f"classification-{name}", data=kinds)
    yield Clustering(name=f"clustering-{name}", data=PyDocsGroups(**given))


def _gives(task: Task) -> bool:
    """Whether a part has what a task needs: two labels, two modules, pairs of two grades."""
    try:
        problem = task.data.load()
    except UsageError:
        return False
    return not isinstance(problem, PairProblem) or len(np.unique(problem.gold)) > 1
