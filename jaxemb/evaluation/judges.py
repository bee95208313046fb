"""Judges of whether two texts mean the same, and what a judge or a paraphraser is worth."""

import abc
import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float64

from jaxemb.config import Part, UsageError
from jaxemb.evaluation.paraphrase import Paraphraser, edit_distance
from jaxemb.evaluation.paraphrase.paraphrasers import generator
from jaxemb.evaluation.problems import PairData
from jaxemb.interop import Pretrained
from jaxemb.retrieval.lexical import words
from jaxemb.statistics.metrics import spearman

BEST = 5.0
Ratings = Float64[np.ndarray, " pairs"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge(Part, abc.ABC):
    """Slot: how similar in meaning the texts of each pair are, from 0 to 5."""

    @abc.abstractmethod
    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Ratings:
        """A rating a pair."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordOverlap(Judge):
    """5 · 2 |A ∩ B| / (|A| + |B|) over the words of both texts, repeated ones counted.

    The judge that any other has to beat; it takes every synonym for a change of meaning.

    Example:
        >>> WordOverlap()(["a red car"], ["a blue car"]).round(2).tolist()
        [3.33]
    """

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Ratings:
        return np.array([_dice(a, b) for a, b in zip(first, second, strict=True)]) * BEST


def _dice(first: str, second: str) -> float:
    a, b = Counter(words(first)), Counter(words(second))
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineJudge(Judge):
    """5 · max(0, cos) of the two texts' vectors by a model that somebody else trained.

    Where that model is under test as well, it is judge in its own case: say so beside the numbers.

    Raises:
        UsageError: the model is not on this machine.

    Example:
        >>> judge = CosineJudge()
        >>> judge(["a red car"], ["an automobile, red"])  # doctest: +SKIP
        array([4.46])
    """

    model: Pretrained = dataclasses.field(default_factory=lambda: Pretrained("all-MiniLM-L6-v2"))

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Ratings:
        model = self.model.start(jax.random.key(0))
        vectors = model.encode([*first, *second], role="query")
        cosines = np.einsum("pw,pw->p", *np.split(vectors.astype(np.float64), 2))
        return BEST * np.maximum(cosines, 0.0)


# --- validation


class JudgeReport(NamedTuple):
    """How a judge's ratings compare with people's: rank correlation, and mean absolute error."""

    spearman: float
    error: float


def validate_judge(judge: Judge, data: PairData, *, best: float = BEST) -> JudgeReport:
    """A judge against graded pairs, whose gold values run from 0 to `best`.

    Example:
        >>> from jaxemb.evaluation import PairFile
        >>> validate_judge(WordOverlap(), PairFile(path="stsb.tsv"))  # doctest: +SKIP
    """
    problem = data.load()
    gold = problem.gold * (BEST / best)
    if gold.min() < 0 or gold.max() > BEST:
        raise UsageError(
            f"the gold values run from {problem.gold.min():g} to {problem.gold.max():g}, and should "
            f"lie between 0 and best={best:g}"
        )
    ratings = judge(problem.first, problem.second)
    return JudgeReport(spearman(ratings, gold), float(np.mean(np.abs(ratings - gold))))


def best_judge(judges: Sequence[Judge], data: PairData, *, best: float = BEST) -> Judge:
    """The judge whose ratings rank the pairs most as people do; the smaller error in a tie."""
    reports = [validate_judge(judge, data, best=best) for judge in judges]
    order = sorted(range(len(judges)), key=lambda n: (-reports[n].spearman, reports[n].error))
    return judges[order[0]]


class ParaphraserReport(NamedTuple):
    """What a paraphraser does to texts: means over the texts, and the seconds that one takes."""

    similarity: float
    edit_distance: float
    unchanged: float
    seconds: float


def validate_paraphraser(
    paraphraser: Paraphraser, judge: Judge, texts: Sequence[str], *, seed: int = 0
) -> ParaphraserReport:
    """A paraphraser by a judge: high similarity at a high edit distance is what is wanted.

    Example:
        >>> from jaxemb.evaluation import Unchanged
        >>> report = validate_paraphraser(Unchanged(), WordOverlap(), ["Sort a list."])
        >>> report.similarity, report.edit_distance, report.unchanged
        (5.0, 0.0, 1.0)
    """
    start = time.perf_counter()
    others = [paraphraser(text, generator(text, seed)) for text in texts]
    seconds = (time.perf_counter() - start) / len(texts)
    return ParaphraserReport(
        similarity=float(judge(texts, others).mean()),
        edit_distance=float(np.mean(list(map(edit_distance, texts, others)))),
        unchanged=float(
            np.mean([text == other for text, other in zip(texts, others, strict=True)])
        ),
        seconds=seconds,
    )
