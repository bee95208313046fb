"""Which model ranks where over many tasks, and which ranks are noise."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from jaxemb.config import UsageError
from jaxemb.statistics.comparison import Tested
from jaxemb.statistics.metrics import ranks
from jaxemb.statistics.similarities import unit_rows

Scores = Float[np.ndarray, "tasks models"]
Separated = Bool[np.ndarray, "models models"]
Groups = tuple[tuple[int, ...], ...]
"""Models by number, best first; a model may stand in several groups."""


class RankTest(NamedTuple):
    """Friedman's test of equal ranks, the models' mean ranks, and what Nemenyi's test separates.

    `critical_difference` is in ranks; no two models of a group in `groups` are separated.
    """

    statistic: float
    p: float
    ranks: Float64[np.ndarray, " models"]
    critical_difference: float
    groups: Groups


class RankInterval(NamedTuple):
    """A model's rank, 1 the best, ties sharing their mean; and the ranks that it may truly have."""

    rank: float
    low: int
    high: int


def mean_ranks(scores: Scores) -> Float64[np.ndarray, " models"]:
    """Mean over tasks of each model's rank, 1 the best score; ties share their mean rank.

    Example:
        >>> mean_ranks(np.array([[0.9, 0.5, 0.5], [0.7, 0.6, 0.8]])).tolist()
        [1.5, 2.75, 1.75]
    """
    return ranks(-np.asarray(scores, np.float64), axis=1).mean(axis=0)


def wilcoxon(a: Float[np.ndarray, " tasks"], b: Float[np.ndarray, " tasks"]) -> float:
    """Two-sided p of the signed-rank test of a - b; 1 where the two never differ.

    Exact without ties up to 50 values, and with ties up to 13: a few tasks' worth, with scores that
    are often equal. Above that by the normal approximation.

    Reference: scipy.stats.wilcoxon (zero differences dropped).

    Example:
        >>> wilcoxon(np.array([0.5, 0.7, 0.7, 0.9, 0.8]), np.array([0.4, 0.6, 0.6, 0.7, 0.5]))
        0.0625
    """
    from scipy.stats import PermutationMethod
    from scipy.stats import wilcoxon as signed_rank

    difference = np.round(np.asarray(a, np.float64) - b, 12)  # rounding must not part equal ones
    difference = difference[difference != 0]
    if not len(difference):
        return 1.0
    if len(np.unique(np.abs(difference))) == len(difference) or len(difference) > 13:
        return float(signed_rank(difference).pvalue)
    every = PermutationMethod(n_resamples=2 ** len(difference))
    return float(signed_rank(difference, method=every).pvalue)


def friedman(scores: Scores, *, confidence: float = 0.95) -> RankTest:
    """Do the tasks agree on an order of the models, and which models does it tell apart?

        χ² = 12 N / (k (k + 1)) · (Σ_j R̄_j² - k (k + 1)² / 4),  corrected for ties
        two models are separated where |R̄_i - R̄_j| ≥ q √(k (k + 1) / (12 N))

    for N tasks, k models and the quantile q of the studentized range. Tasks count alike whatever
    their metric, and only the order of models inside each of them matters.

    Args:
        scores: `[tasks, models]`, higher is better.

    Raises:
        UsageError: there are fewer than three models or two tasks; two models are compared by
            `wilcoxon`.

    Example:
        >>> scores = np.array([[0.9, 0.5, 0.1], [0.8, 0.6, 0.2], [0.7, 0.6, 0.3], [0.9, 0.4, 0.1]])
        >>> found = friedman(scores)
        >>> found.statistic, round(found.p, 4), found.groups
        (8.0, 0.0183, ((0, 1), (1, 2)))

    Reference: Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7
    (2006); scipy.stats.friedmanchisquare.
    """
    from scipy.stats import friedmanchisquare

    tasks, models = scores.shape
    if models < 3 or tasks < 2:
        raise UsageError(
            f"Friedman's test needs at least three models and two tasks, not {models} and {tasks}."
        )
    tied = bool(np.all(scores == scores[:, :1]))  # scipy divides 0 by 0 there
    found = (0.0, 1.0) if tied else friedmanchisquare(*np.asarray(scores, np.float64).T)
    places = mean_ranks(scores)
    distance = critical_difference(models, tasks, confidence=confidence)
    separated = np.abs(places[:, None] - places) >= distance
    return RankTest(float(found[0]), float(found[1]), places, distance, groups(-places, separated))


def agreement(scores: Scores, *, confidence: float = 0.95) -> Tested:
    """How far tasks rank the models alike: the mean Spearman correlation between two tasks.

        r̄ = (N W - 1) / (N - 1),  W = χ² / (N (k - 1)) without ties: Kendall's concordance

    0 where ranks are noise and 1 where all tasks agree. p is that of Friedman's test, the standard
    error from leaving out tasks in turn.

    Raises:
        UsageError: as `friedman`; and there are fewer than three tasks.

    Example:
        >>> scores = np.array([[0.9, 0.5, 0.1], [0.8, 0.6, 0.2], [0.7, 0.6, 0.3], [0.5, 0.4, 0.6]])
        >>> found = agreement(scores)
        >>> round(found.effect, 3), round(found.p, 3)
        (0.25, 0.174)
    """
    tasks = len(scores)
    if tasks < 3:
        raise UsageError(f"Agreement between tasks needs at least three of them, not {tasks}.")
    between = _correlations(scores)
    whole = between[np.triu_indices(tasks, 1)].mean()
    without = [
        np.delete(np.delete(between, task, 0), task, 1)[np.triu_indices(tasks - 1, 1)].mean()
        for task in range(tasks)
    ]
    error = float(np.sqrt((tasks - 1) * np.var(without)))
    p = friedman(scores, confidence=confidence).p
    return Tested(
        effect=float(whole), standard_error=error, degrees=tasks - 1, p=p, confidence=confidence
    )


def _correlations(scores: Scores) -> Float64[np.ndarray, "tasks tasks"]:
    """Spearman's ρ of every pair of tasks; 0 with a task in which all models are equal."""
    places = ranks(scores, axis=1)
    unit = unit_rows(places - places.mean(axis=1, keepdims=True))
    return unit @ unit.T


def critical_difference(models: int, tasks: int, *, confidence: float = 0.95) -> float:
    """By how much two mean ranks must differ, whichever two of the models they are (Nemenyi).

    Example:
        >>> round(critical_difference(models=5, tasks=10), 3)
        1.929
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(confidence, models, np.inf))
    return quantile * float(np.sqrt(models * (models + 1) / (12 * tasks)))


def groups(scores: Float[np.ndarray, " models"], separated: Separated) -> Groups:
    """The largest groups in which no two models are separated, those of the best models first.

    Two models have a group in common exactly where they are not separated.

    Example:
        >>> apart = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
        >>> groups(np.array([0.9, 0.8, 0.7]), apart)
        ((0, 1), (1, 2))

    Reference: Piepho, An Algorithm for a Letter-based Representation of All-pairwise Comparisons
    (2004).
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    places = range(len(order))
    found = [frozenset(places)]
    for one, other in itertools.combinations(places, 2):
        if separated[order[one], order[other]]:
            split = [g - {gone} for g in found if {one, other} <= g for gone in (one, other)]
            kept = [g for g in found if not {one, other} <= g]
            found = kept + [g for g in dict.fromkeys(split) if not _inside(g, kept + split)]
    return tuple(tuple(int(order[p]) for p in group) for group in sorted(map(sorted, found)))


def _inside(group: frozenset[int], others: Sequence[frozenset[int]]) -> bool:
    return any(group < other for other in others)


def letters(groups: Groups, models: int) -> list[str]:
    """A letter for every group that a model is in: models that share one are not separated.

    Example:
        >>> letters(((0, 1), (1, 2)), models=3)
        ['a', 'ab', 'b']
    """
    names = [_letter(place) for place in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if model in group)
        for model in range(models)
    ]


def _letter(place: int) -> str:
    """a to z, then a1 to z1, and so on."""
    turn, rest = divmod(place, 26)
    return chr(ord("a") + rest) + (str(turn) if turn else "")


def rank_intervals(
    scores: Float[np.ndarray, " models"], separated: Separated
) -> tuple[RankInterval, ...]:
    """The ranks that each model may truly have: from 1 + those surely above it, to all but those
    surely below.

    Where `separated` holds of all pairs together with some confidence (Holm's correction, the
    studentized range), so do all these intervals together, also where
    models are truly equal. Percentiles of redrawn ranks do not: there they are too short.

    Example:
        >>> apart = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
        >>> [tuple(found) for found in rank_intervals(np.array([0.9, 0.8, 0.7]), apart)]
        [(1.0, 1, 2), (2.0, 1, 3), (3.0, 2, 3)]

    Reference: Mogstad, Romano, Shaikh and Wilhelm, Inference for Ranks with Applications to
    Mobility across Neighbourhoods and Academic Achievement across Countries (2024).
    """
    scores = np.asarray(scores, np.float64)
    higher = scores[None, :] > scores[:, None]
    above = (separated & higher).sum(axis=1)
    below = (separated & higher.T).sum(axis=1)
    return tuple(
        RankInterval(float(rank), int(1 + up), int(len(scores) - down))
        for rank, up, down in zip(ranks(-scores), above, below, strict=True)
    )


def separated_pairs(
    models: int, pairs: Sequence[tuple[int, int]], ps: Sequence[float], *, confidence: float = 0.95
) -> Separated:
    """Which pairs of models differ by their p values, corrected by Holm over all of them."""
    from jaxemb.statistics.corrections import holm

    separated = np.zeros((models, models), bool)
    for (one, other), p in zip(pairs, holm(ps), strict=True):
        separated[one, other] = separated[other, one] = p < 1 - confidence
    return separated
