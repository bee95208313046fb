"""Which model ranks where over many tasks, and which ranks are noise."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from jaxemb.config import UsageError

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
    from scipy.stats import rankdata

    return rankdata(-np.asarray(scores, np.float64), axis=1).mean(axis=0)


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
    ranks = mean_ranks(scores)
    distance = critical_difference(models, tasks, confidence=confidence)
    separated = np.abs(ranks[:, None] - ranks) >= distance
    return RankTest(float(found[0]), float(found[1]), ranks, distance, groups(-ranks, separated))


def critical_difference(models: int, tasks: int, *, confidence: float = 0.95) -> float:
    """By how much two mean ranks must differ, whichever two of the models they are (Nemenyi).

    Example:
        >>> round(critical_difference(models=5, tasks=10), 3)
        1.929
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(confidence, models, np.inf))
    return quantile * float(np.sqrt(models * (models + 1) / (12 * tasks)))


def nemenyi(
    ranks: Float[np.ndarray, " models"], tasks: int
) -> Float64[np.ndarray, "models models"]:
    """p of every pair of mean ranks, corrected for the number of pairs.

    Reference: Nemenyi, Distribution-free Multiple Comparisons (1963).
    """
    from scipy.stats import studentized_range

    models = len(ranks)
    distance = np.abs(np.asarray(ranks, np.float64)[:, None] - ranks)
    scaled = distance / np.sqrt(models * (models + 1) / (12 * tasks))
    p = np.ones((models, models))
    upper = np.triu_indices(models, 1)
    p[upper] = studentized_range.sf(scaled[upper], models, np.inf)
    return np.minimum(p, p.T)


def groups(scores: Float[np.ndarray, " models"], separated: Separated) -> Groups:
    """The longest runs of models, in the order of their scores, in which no two are separated.

    Every model is in at least one run; models with no run in common are separated somewhere
    between them.

    Example:
        >>> apart = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
        >>> groups(np.array([0.9, 0.8, 0.7]), apart)
        ((0, 1), (1, 2))
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    found, reached = [], 0
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and not separated[order[end], order[start:end]].any():
            end += 1
        if end > reached:
            found.append(tuple(map(int, order[start:end])))
            reached = end
    return tuple(found)


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
    studentized range, `separated_by_bootstrap`), so do all these intervals together, also where
    models are truly equal. Percentiles of redrawn ranks do not: there they are too short.

    Example:
        >>> apart = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
        >>> [tuple(found) for found in rank_intervals(np.array([0.9, 0.8, 0.7]), apart)]
        [(1.0, 1, 2), (2.0, 1, 3), (3.0, 2, 3)]

    Reference: Mogstad, Romano, Shaikh and Wilhelm, Inference for Ranks with Applications to
    Mobility across Neighbourhoods and Academic Achievement across Countries (2024).
    """
    from scipy.stats import rankdata

    scores = np.asarray(scores, np.float64)
    higher = scores[None, :] > scores[:, None]
    above = (separated & higher).sum(axis=1)
    below = (separated & higher.T).sum(axis=1)
    return tuple(
        RankInterval(float(rank), int(1 + up), int(len(scores) - down))
        for rank, up, down in zip(rankdata(-scores), above, below, strict=True)
    )


def separated_pairs(
    models: int, pairs: Sequence[tuple[int, int]], ps: Sequence[float], *, confidence: float = 0.95
) -> Separated:
    """Which pairs of models differ by their p values, corrected by Holm over all of them."""
    from jaxemb.evaluation.statistics.corrections import holm

    separated = np.zeros((models, models), bool)
    for (one, other), p in zip(pairs, holm(ps), strict=True):
        separated[one, other] = separated[other, one] = p < 1 - confidence
    return separated


def separated_by_bootstrap(
    samples: Float[np.ndarray, "resamples models"], *, units: int, confidence: float = 0.95
) -> Separated:
    """Which pairs of models differ, by the largest of all pairs' redrawn differences.

        |d_ij| / se_ij > c,  c the quantile over resamples of max_ij |d*_ij - d_ij| / se_ij

    widened for few units by t / z at units - 1 degrees of freedom.

    Args:
        samples: each model's score in every resample, as `redrawn_examples` or `redrawn_tasks`
            gives them; the first row is the score itself.
        units: how many tasks, or clusters of examples, were redrawn.

    Reference: Romano and Wolf, Exact and Approximate Stepdown Methods for Multiple Hypothesis
    Testing (2005).
    """
    from scipy.stats import norm, t

    one, other = np.triu_indices(samples.shape[1], 1)
    differences = samples[:, one] - samples[:, other]
    observed, moved = differences[0], differences[1:] - differences[0]
    error = moved.std(axis=0)
    known = error > 1e-12  # equal models never part; models that always differ alike always do
    largest = np.max(np.abs(moved[:, known]) / error[known], axis=1, initial=0.0)
    tail = (1 + confidence) / 2
    critical = np.quantile(largest, confidence) * t.ppf(tail, max(units - 1, 1)) / norm.ppf(tail)
    apart = np.abs(observed) > np.where(known, critical * error, 1e-12)
    separated = np.zeros((samples.shape[1],) * 2, bool)
    separated[one, other] = separated[other, one] = apart
    return separated


class ScoredTask(NamedTuple):
    """What every model scores in one task, and how much each cluster of examples moves that.

    `influence[m, c]` is by how much the score of model `m` falls without cluster `c`, as
    `jackknife` gives it; all models on the same clusters.
    """

    scores: Float64[np.ndarray, " models"]
    influence: Float64[np.ndarray, "models clusters"]


def redrawn_examples(
    tasks: Sequence[ScoredTask], *, resamples: int = 2000, seed: int = 0
) -> Float64[np.ndarray, "rows models"]:
    """Mean over these very tasks, on examples whose clusters were drawn anew in each of them.

        T* = T + √((C - 1) / C) Σ_c (w_c - 1) u_c,  w how often a cluster was drawn

    linear in the influences u, so that any metric takes one matrix product, with the jackknife's
    variance. The first of `1 + resamples` rows holds the scores themselves. All models see the same
    draws.
    """
    draw = np.random.default_rng(seed)
    samples = np.zeros((1 + resamples, len(tasks[0].scores)))
    for task in tasks:
        clusters = task.influence.shape[1]
        if clusters < 2:
            raise UsageError("Examples of fewer than two clusters cannot be drawn anew.")
        weights = draw.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples) - 1.0
        samples[1:] += np.sqrt((clusters - 1) / clusters) * (weights @ task.influence.T)
        samples += task.scores
    return samples / len(tasks)


def redrawn_tasks(
    scores: Scores, *, resamples: int = 2000, seed: int = 0
) -> Float64[np.ndarray, "rows models"]:
    """Mean over tasks that were drawn anew; the first of `1 + resamples` rows is the mean itself.

    Scores on few examples differ more from task to task, so this counts the examples as well:
    drawing them anew inside the tasks would count them twice.
    """
    tasks = len(scores)
    if tasks < 2:
        raise UsageError("Fewer than two tasks cannot be drawn anew.")
    weights = np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1 / tasks), resamples)
    centre = np.mean(scores, axis=0)
    moved = (weights / tasks) @ (scores - centre) * np.sqrt(tasks / (tasks - 1))
    return np.concatenate([centre[None], centre + moved])
