"""The ten probes of sentences, and probes of pairs: what can be read off two frozen vectors?"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.config import Above, UsageError, snake_case
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import Classification, judge_classes
from jaxemb.evaluation.classifiers import Classifier, Logistic, expected_grades
from jaxemb.evaluation.grammar.structures import (
    ObjectNumber,
    SubjectNumber,
    Tense,
    TopConstituents,
    TreeDepth,
)
from jaxemb.evaluation.probes.surface import (
    BigramShift,
    CoordinationInversion,
    OddManOut,
    SentenceLength,
    WordContent,
)
from jaxemb.evaluation.problems import PairData, PairProblem
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLinks
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class PairProbe(Task):
    """A classifier on both vectors of a pair, for entailment, paraphrase or links.

    Features: |u - v| and u * v; with `sides=True`, u and v themselves as well, which tell what a text
    says alone. The gold value is the class. `train` is what is fitted on.

    Metric: `accuracy`. Records: `accuracy`, `assignment`, `label`.

    Reference: Conneau et al., Supervised Learning of Universal Sentence Representations
    (arXiv:1705.02364); Perone et al. (arXiv:1806.06259).

    Example:
        >>> PairProbe().train.split, PairProbe().data.split
        ('train', 'test')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    name: str = "pair_probe"
    train: PairData = field(default_factory=lambda: PyDocsLinks(split="train"))
    data: PairData = field(default_factory=PyDocsLinks)
    role: str = "query"
    classifier: Classifier = field(default_factory=Logistic)
    sides: bool = False

    def run(self, embed: Embed) -> Result:
        parts = self.train.load(), self.data.load()
        train, test = (pair_features(embed, part, self.role, self.sides) for part in parts)
        fitted, gold = (_classes(part, self.name) for part in parts)
        predicted = self.classifier.predict(train, fitted, test)
        return judge_classes(self, predicted, gold, parts[1].clusters)


@dataclass(frozen=True, kw_only=True)
class GradedProbe(Task):
    """Grades read off |u - v| and u * v by ordinal regression; see `expected_grades`.

    Metrics: `spearman`, `pearson`. Records: `prediction`, `gold`. `train` is what is fitted on.

    Reference: Tai, Socher and Manning (arXiv:1503.00075); Conneau and Kiela, SentEval
    (arXiv:1803.05449).

    Example:
        >>> GradedProbe().metrics
        ('spearman', 'pearson')
    """

    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson")
    name: str = "graded_probe"
    train: PairData = field(default_factory=lambda: PyDocsGrades(split="train"))
    data: PairData = field(default_factory=PyDocsGrades)
    role: str = "query"
    penalty: Annotated[float, Above(0)] = 10.0

    def run(self, embed: Embed) -> Result:
        parts = self.train.load(), self.data.load()
        train, test = (pair_features(embed, part, self.role) for part in parts)
        prediction = expected_grades(train, parts[0].gold, test, self.penalty)
        return self.scored({"prediction": prediction, "gold": parts[1].gold}, parts[1].clusters)


def pair_features(
    embed: Embed, pairs: PairProblem, role: str, sides: bool = False
) -> Float32[np.ndarray, "pairs features"]:
    """`[|u - v|, u * v]` of unit vectors, and `[u, v]` before them where `sides` asks for them."""
    first, second = np.split(unit_rows(embed(pairs.first + pairs.second, role)), 2)
    own = [first, second] if sides else []
    return np.concatenate([*own, np.abs(first - second), first * second], axis=1)


def _classes(pairs: PairProblem, name: str) -> Int32[np.ndarray, " pairs"]:
    if np.any(pairs.gold % 1):
        raise UsageError(
            f"task {name} needs whole gold values, one per class; GradedProbe reads grades"
        )
    return pairs.gold.astype(np.int32)


GENERATORS = (
    SentenceLength, WordContent, TreeDepth, TopConstituents, BigramShift, Tense, SubjectNumber,
    ObjectNumber, OddManOut, CoordinationInversion,
)  # fmt: skip


def probing_tasks(
    *, train: int = 3000, texts: int = 1500, classifier: Classifier | None = None
) -> tuple[Classification, ...]:
    """A probe for each of ten properties, named for it; five on real sentences, five on a grammar's.

    Reference: Conneau et al., What you can cram into a single vector, arXiv:1805.01070.

    Example:
        >>> [task.name for task in probing_tasks()][:3]
        ['sentence_length', 'word_content', 'tree_depth']
    """
    classifier = classifier or Logistic()
    return tuple(
        Classification(
            name=snake_case(make), data=make(train=train, texts=texts), classifier=classifier
        )
        for make in GENERATORS
    )
