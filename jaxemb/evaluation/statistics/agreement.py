"""How far two scores put the same models in one order, with the uncertainty of the examples."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Result
from jaxemb.evaluation.statistics.arms import influence_of, same_examples
from jaxemb.evaluation.statistics.comparison import Comparison

Arms = Sequence[Sequence[Result]]


def agreement(
    one: Arms, other: Arms, metrics: tuple[str, str], *, redraws: int = 2000, seed: int = 0
) -> Comparison:
    """Kendall's τ between the orders in which two scores put the same models.

        τ = (pairs in the same order - pairs in opposite orders) / √(pairs untied in either)

    Its variance is that over redrawn clusters of examples, drawn anew in each of the two tasks for
    all models together, and over redrawn seeds where there are several. Two models that examples
    cannot tell apart change places from draw to draw: their order counts for little.

        T*_m = T_m + √((C - 1) / C) Σ_c (w_c - 1) u_mc,   w_c how often cluster c was drawn

    with u the jackknife's influences. Degrees of freedom: those of the smaller task, or of the seeds.

    Args:
        one: per model, its results (one a seed) in the task of the first score.
        other: the same models, in the same order, in the task of the second score.
        metrics: the names of both scores.

    Raises:
        UsageError: there are fewer than three models, or examples, data or seeds differ.

    Reference: Kendall, A New Measure of Rank Correlation (1938).
    """
    if len(one) < 3:
        raise UsageError(f"An order of models needs three of them; there are {len(one)}.")
    draw = np.random.default_rng(seed)
    seeds = max(len(results) for results in [*one, *other])
    picks = draw.integers(seeds, size=(redraws, seeds))
    drawn = [
        _redrawn(arms, metric, picks, draw)
        for arms, metric in zip((one, other), metrics, strict=True)
    ]
    taus = _kendall(drawn[0], drawn[1])
    clusters = [
        len(influence_of(arms[0][0], metric))
        for arms, metric in zip((one, other), metrics, strict=True)
    ]
    counts = [count for count in (*clusters, seeds if seeds > 1 else 0) if count]
    return Comparison(
        effect=float(taus[0]),
        seed_variance=0.0,
        example_variance=float(np.mean((taus[1:] - taus[0]) ** 2)) if counts else math.inf,
        degrees=max(1, min(counts, default=2) - 1),
        seeds=seeds,
        clusters=min(clusters),
    )


def _redrawn(
    arms: Arms, metric: str, picks: np.ndarray, draw: np.random.Generator
) -> Float64[np.ndarray, "draws models"]:
    """The models' scores, and after them their scores on redrawn seeds and clusters."""
    same_examples([result for results in arms for result in results], metric)
    scores = np.array([[result.metrics[metric] for result in results] for results in arms])
    moved = np.stack([scores[:, rows].mean(axis=1) for rows in picks % scores.shape[1]])
    influence = np.stack(
        [np.mean([influence_of(result, metric) for result in results], axis=0) for results in arms]
    )
    clusters = influence.shape[1]
    if clusters:
        weights = draw.multinomial(clusters, np.full(clusters, 1 / clusters), len(picks)) - 1.0
        moved = moved + math.sqrt((clusters - 1) / clusters) * weights @ influence.T
    return np.concatenate([scores.mean(axis=1)[None], moved])


def _kendall(
    one: Float64[np.ndarray, "draws models"], other: Float64[np.ndarray, "draws models"]
) -> Float64[np.ndarray, " draws"]:
    """τ-b of every draw; 0 where all models tie."""
    left, right = np.triu_indices(one.shape[1], 1)
    by_one, by_other = (np.sign(scores[:, left] - scores[:, right]) for scores in (one, other))
    untied = np.sum(by_one != 0, axis=1) * np.sum(by_other != 0, axis=1)
    return np.sum(by_one * by_other, axis=1) / np.sqrt(np.maximum(untied, 1))
