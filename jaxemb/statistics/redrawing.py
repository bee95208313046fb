"""Scores of many models on examples or tasks that are drawn anew, all models on the same draws."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from jaxemb.config import UsageError
from jaxemb.statistics.ranking import Scores, Separated


def separated_by_bootstrap(
    samples: Float[np.ndarray, "resamples models"], *, units: int, confidence: float = 0.95
) -> Separated:
    """Which pairs of models differ, by the largest of all pairs' differences.

        |d_ij| / se_ij > c,  c the quantile of max_ij |t_ij| where no models differ

    se is the spread of redrawn differences. c comes from models that vary together as the redrawn
    ones do, drawn from a normal distribution for so many units, each t_ij with an error of its own:
    the quantile over the resamples themselves is too small where units are few.

    Args:
        samples: each model's score in every resample, as `redrawn_examples` or `redrawn_tasks`
            gives them; the first row is the score itself.
        units: how many tasks, or clusters of examples, were redrawn.

    Reference: Romano and Wolf, Exact and Approximate Stepdown Methods for Multiple Hypothesis
    Testing (2005).
    """
    one, other = np.triu_indices(samples.shape[1], 1)
    differences = samples[:, one] - samples[:, other]
    error = (differences[1:] - differences[0]).std(axis=0)
    known = error > 1e-12  # equal models never part; models that always differ alike always do
    critical = _largest_of_equals(np.cov(samples[1:].T), units, confidence)
    apart = np.abs(differences[0]) > np.where(known, critical * error, 1e-12)
    separated = np.zeros((samples.shape[1],) * 2, bool)
    separated[one, other] = separated[other, one] = apart
    return separated


def _largest_of_equals(
    covariance: Float[np.ndarray, "models models"], units: int, confidence: float
) -> float:
    """Quantile of the largest |t| of all pairs; more than 60 units are as good as 60."""
    variances, axes = np.linalg.eigh(np.atleast_2d(covariance))
    units = min(max(units, 2), 60)
    draws = np.random.default_rng(0).normal(size=(1000, units, len(variances)))
    models = draws @ (axes * np.sqrt(np.maximum(variances, 0.0))).T
    mean = models.mean(axis=1)
    centred = models - mean[:, None]
    spread = np.einsum("rui,ruj->rij", centred, centred) / (units - 1)
    own = np.einsum("rii->ri", spread)
    error = np.sqrt(np.maximum(own[:, :, None] + own[:, None] - 2 * spread, 0.0) / units)
    apart = np.abs(mean[:, :, None] - mean[:, None])
    # Models that are always alike differ by rounding alone.
    sizes = np.divide(apart, error, out=np.zeros_like(apart), where=error > 1e-9)
    return float(np.quantile(sizes.max(axis=(1, 2)), confidence))


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
