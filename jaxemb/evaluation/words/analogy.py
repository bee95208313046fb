"""Analogies: a is to b as c is to which word?"""

import abc
import itertools
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from jaxemb.config import Above, Part
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.words.conventions import Counted, Spelling, Unknown, has_vector, spelled
from jaxemb.evaluation.words.problems import AnalogyData, AnalogyProblem
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import at_least_as_high, unit_rows
from jaxemb.vectors.cache import Embed

Cosines = Float32[np.ndarray, "questions candidates"]


@dataclass(frozen=True, kw_only=True)
class AnalogyRule(Part, abc.ABC):
    """Slot: the cosines of every candidate with a, b and c to the candidate's score."""

    @abc.abstractmethod
    def __call__(self, a: Cosines, b: Cosines, c: Cosines) -> Cosines:
        """The candidate with the highest score is the answer."""


@dataclass(frozen=True, kw_only=True)
class ThreeCosAdd(AnalogyRule):
    """cos(d, b) - cos(d, a) + cos(d, c): for unit vectors, the order of cos(d, b - a + c).

    Reference: Mikolov et al., Efficient Estimation of Word Representations in Vector Space,
    arXiv:1301.3781.

    Example:
        >>> one = np.float32([[0.5]])
        >>> ThreeCosAdd()(one, 2 * one, one).tolist()
        [[1.0]]
    """

    def __call__(self, a: Cosines, b: Cosines, c: Cosines) -> Cosines:
        return b - a + c


@dataclass(frozen=True, kw_only=True)
class ThreeCosMul(AnalogyRule):
    """s(d, b) s(d, c) / (s(d, a) + ε), with s = (cos + 1) / 2: no term outweighs the others.

    Reference: Levy and Goldberg, Linguistic Regularities in Sparse and Explicit Word
    Representations (CoNLL 2014).

    Example:
        >>> one = np.float32([[1.0]])
        >>> ThreeCosMul(epsilon=1.0)(one, one, 0 * one).tolist()
        [[0.25]]
    """

    epsilon: Annotated[float, Above(0)] = 1e-3

    def __call__(self, a: Cosines, b: Cosines, c: Cosines) -> Cosines:
        return (b + 1) / 2 * ((c + 1) / 2) / ((a + 1) / 2 + np.float32(self.epsilon))


@dataclass(frozen=True, kw_only=True)
class Analogy(Task):
    """Finds d among the words of all questions, and further candidates that the data names.

    a, b and c are never answers. A question is answered where d's score is above every other's;
    ties count against it, so that equal vectors for all words score 0. `spelling` is applied before
    words are told apart: with `LowerCase()`, candidates that differ in case are one.

    Metrics: `accuracy`, `macro_accuracy` (the mean of the categories'), `mrr` (1 / place of d).
    Records: `accuracy`, `mrr`, `category`. `categories(result)` reads the score of each category.
    Questions of a category share their words: the category is the cluster, and where there is only
    one, the pair (a, b).

    Example:
        >>> from jaxemb.evaluation import AnalogyFile
        >>> Analogy(data=AnalogyFile(path="questions.tsv"), spelling=(LowerCase(),)).metrics
        ('accuracy', 'macro_accuracy', 'mrr')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_accuracy", "mrr")
    name: str = "analogy"
    data: AnalogyData
    role: str = "query"
    rule: AnalogyRule = field(default_factory=ThreeCosAdd)
    spelling: tuple[Spelling, ...] = ()
    unknown: Unknown = field(default_factory=Counted)

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        spelt = [spelled(question, self.spelling) for question in problem.questions]
        words = list(
            dict.fromkeys([*itertools.chain(*spelt)] + spelled(problem.candidates, self.spelling))
        )
        number = {word: place for place, word in enumerate(words)}
        questions = np.array([[number[word] for word in question] for question in spelt], np.int32)
        vectors = unit_rows(embed(words, self.role))
        known = has_vector(vectors)
        kept = self.unknown.kept(known[questions].all(axis=1))
        places = answer_places(vectors, known, questions[kept], self.rule)
        records = {
            "accuracy": (places == 1).astype(np.float64),
            "mrr": np.where(places > 0, 1 / np.maximum(places, 1), 0.0),
            "category": problem.categories[kept],
        }
        return self.scored(records, _clusters(problem)[kept])

    def categories(self, result: Result) -> dict[str, float]:
        """Accuracy by the category's name."""
        of, correct = result.examples["category"], result.examples["accuracy"]
        names = self.data.load().names
        return {names[n]: float(correct[of == n].mean()) for n in np.unique(of).tolist()}


def answer_places(
    vectors: Float32[np.ndarray, "words width"],
    known: Bool[np.ndarray, " words"],
    questions: Int[np.ndarray, "questions 4"],
    rule: AnalogyRule,
    *,
    block: int = 256,
) -> Int32[np.ndarray, " questions"]:
    """Place of every answer from 1, ties before it; 0 where one of the four words is unknown.

    Memory is `[asked, words] + [block, words]`, with as many rows `asked` as different words are
    asked for. An answer that equals a, b or c is never found: its place is the last.
    """
    asked, rows = np.unique(questions[:, :3], return_inverse=True)
    cosines = vectors[asked] @ vectors.T
    rows = rows.reshape(-1, 3)
    places = np.zeros(len(questions), np.int32)
    for start in range(0, len(questions), block):
        part = slice(start, start + block)
        scores = rule(*(cosines[rows[part, word]] for word in range(3)))
        places[part] = _places(scores, questions[part], known)
    return np.where(known[questions].all(axis=1), places, 0).astype(np.int32)


def _places(
    scores: Cosines, questions: Int[np.ndarray, "questions 4"], known: Bool[np.ndarray, " words"]
) -> Int[np.ndarray, " questions"]:
    scores = np.where(known, scores, -np.inf)
    np.put_along_axis(scores, questions[:, :3], -np.inf, axis=1)
    answers = scores[np.arange(len(scores)), questions[:, 3]]
    return np.maximum(1, at_least_as_high(scores, answers)[1])


def _clusters(problem: AnalogyProblem) -> Int32[np.ndarray, " questions"]:
    if len(np.unique(problem.categories)) > 1:
        return problem.categories
    pairs = {pair: n for n, pair in enumerate(dict.fromkeys(q[:2] for q in problem.questions))}
    return np.array([pairs[question[:2]] for question in problem.questions], np.int32)
