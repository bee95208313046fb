"""Scores of arms over paired seeds and the same examples, put together into one comparison."""

import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float64, Num

from jaxemb.config import UsageError
from jaxemb.statistics.comparison import Comparison
from jaxemb.statistics.metrics import statistic_of
from jaxemb.statistics.resampling import (
    grouped,
    jackknife,
    jackknife_mean,
    jackknife_variance,
)
from jaxemb.statistics.result import Result

GROUPS = 64
"""Most groups of clusters left out in turn, for scores that are no mean over examples."""


def compare(
    a: Sequence[Result],
    b: Sequence[Result],
    metric: str,
    *,
    trained: bool = True,
    confidence: float = 0.95,
) -> Comparison:
    """How much higher arm `a` scores than arm `b`.

    `a[s]` and `b[s]` are one seed's results on the same examples; an arm with one result (a control
    that is not trained) is paired with every seed of the other. See `contrast` for the variances.

    Raises:
        UsageError: if the numbers of seeds, the examples or the data differ.

    Example:
        >>> def arm(*scores):
        ...     return [Result(metrics={"accuracy": np.mean(s)}, examples={
        ...         "accuracy": np.array(s), "cluster": np.arange(len(s))}) for s in scores]
        >>> a = arm([1., 1., 0., 1.], [1., 1., 1., 0.])
        >>> b = arm([1., 0., 0., 0.], [0., 1., 0., 0.])
        >>> compare(a, b, "accuracy").effect
        0.5
    """
    return contrast((a, b), (1.0, -1.0), metric, trained=trained, confidence=confidence)


def level(
    arm: Sequence[Result], metric: str, *, trained: bool = True, confidence: float = 0.95
) -> Comparison:
    """The mean score of one arm over its seeds; `.shifted(-x)` compares it with a constant."""
    return contrast((arm,), (1.0,), metric, trained=trained, confidence=confidence)


def trend(
    arms: Sequence[Sequence[Result]],
    positions: Sequence[float | int],
    metric: str,
    *,
    trained: bool = True,
    confidence: float = 0.95,
) -> Comparison:
    """How far the score rises over the arms' positions (layers, dimensions, ...), by least squares.

    The effect is the fitted line's end at the largest position less that at the smallest, so that it
    is in the score's own units, whatever the positions are counted in.

    Raises:
        UsageError: if no two positions differ, or as `compare` does.
    """
    centred = np.asarray(positions, np.float64) - np.mean(positions)
    if not np.any(centred):
        raise UsageError("a trend needs at least two arms at different positions")
    weights = np.ptp(centred) * centred / (centred @ centred)
    return contrast(arms, weights.tolist(), metric, trained=trained, confidence=confidence)


def contrast(
    arms: Sequence[Sequence[Result]],
    weights: Sequence[float],
    metric: str,
    *,
    trained: bool = True,
    confidence: float = 0.95,
) -> Comparison:
    """Σ_arms weight · score, over paired seeds and the same examples.

        D_s = Σ_a w_a T(results of arm a, seed s),  effect = mean_s D_s
        seed part    = var_s(D_s) / S
        example part = jackknife variance of mean_s D_s over clusters of examples, less the
                       seed × cluster interaction that the seed part already holds, at least 0

    with S - 1 degrees of freedom. Where nothing is trained, the seed part is 0, and the degrees of
    freedom are clusters - 1 (for scores that are no mean over examples at most `GROUPS` - 1, since
    clusters are left out in so many groups). A metric without per-example records has no example
    part. A part that cannot be known (trained arms of one seed, examples of one cluster) is
    infinite: such an effect is shown, and decides nothing.

    Reference: Cameron, Gelbach and Miller, Robust Inference with Multiway Clustering (2011).

    Raises:
        UsageError: if the numbers of seeds, the examples or the data differ.
    """
    seeds = _paired_seeds(arms, metric)
    same_examples([result for arm in arms for result in arm], metric)
    clusters = clusters_of(arms[0][0])
    scores, influence = np.zeros(seeds), np.zeros((seeds, 1))  # broadcast over clusters
    for arm, weight in zip(arms, weights, strict=True):
        scores = scores + weight * np.array([result.metrics[metric] for result in arm])
        influence = influence + weight * np.stack([influence_of(result, metric) for result in arm])
    if not trained:
        scores, influence = scores.mean(keepdims=True), influence.mean(axis=0, keepdims=True)
    return _comparison(scores, influence, confidence, trained, clusters)


def over_seeds(
    values: Sequence[float] | Float64[np.ndarray, " seeds"], *, confidence: float = 0.95
) -> Comparison:
    """The mean of one number per seed, where no per-example records exist."""
    scores = np.asarray(values, np.float64)
    return _comparison(scores, np.zeros((len(scores), 0)), confidence, trained=True)


def _comparison(
    scores: Float64[np.ndarray, " seeds"],
    influence: Float64[np.ndarray, "seeds clusters"],
    confidence: float,
    trained: bool,
    clusters: int = 0,
) -> Comparison:
    """A part of the variance that one seed, or one cluster, cannot show is infinite, not 0.

    There may be fewer columns than clusters: those that were left out together share one.
    """
    seeds, groups = influence.shape
    seed_part = float(scores.var(ddof=1) / seeds) if seeds > 1 else math.inf
    unknown = groups == 1 or not (trained or groups)
    return Comparison(
        effect=float(scores.mean()),
        seed_variance=seed_part if trained else 0.0,
        example_variance=math.inf if unknown else _example_part(influence),
        degrees=min([count - 1 for count in (seeds, groups) if count > 1], default=1),
        seeds=seeds,
        clusters=clusters if groups else 0,
        confidence=confidence,
    )


def _example_part(influence: Float64[np.ndarray, "seeds clusters"]) -> float:
    """Variance over clusters of the seeds' mean, less what differs from seed to seed.

    The interaction also moves the scores from seed to seed: counted here as well it would be
    counted twice, and a claim would need up to twice the seeds.
    """
    seeds, clusters = influence.shape
    if clusters == 0:
        return 0.0
    mean = influence.mean(axis=0)
    whole = float(jackknife_variance(mean))
    if seeds == 1:
        return whole
    interaction = float(np.sum(jackknife_variance(influence - mean))) / (seeds * (seeds - 1))
    return max(0.0, whole - interaction)


def _paired_seeds(arms: Sequence[Sequence[Result]], metric: str) -> int:
    counts = sorted({len(arm) for arm in arms})
    if counts[0] == 0:
        raise UsageError(f"{metric}: an arm has no results to compare")
    if len([count for count in counts if count > 1]) > 1:
        several = " and ".join(map(str, counts))
        raise UsageError(f"{metric}: the arms have {several} seeds; seeds are compared in pairs")
    return counts[-1]


def same_examples(results: Sequence[Result], metric: str) -> None:
    """Refuses to compare scores of different data, and names what differs."""
    first = results[0]
    for other in results:
        if metric not in other.metrics:
            raise UsageError(f"no metric {metric}; there are {', '.join(sorted(other.metrics))}")
        if other.data != first.data:
            raise UsageError(f"{metric} was measured on different data: {first.data}, {other.data}")
        for name in ("cluster", "gold", "label"):
            if not np.array_equal(first.examples.get(name, ()), other.examples.get(name, ())):
                raise UsageError(f"{metric}: the results have different examples ({name} differs)")


def clusters_of(result: Result) -> int:
    """How many clusters the examples form; 0 without records."""
    return len(np.unique(result.examples["cluster"])) if "cluster" in result.examples else 0


_influences: WeakKeyDictionary[Result, dict[str, np.ndarray]] = WeakKeyDictionary()


def influence_of(result: Result, metric: str) -> Float64[np.ndarray, " clusters"]:
    """Jackknife influence of every cluster on the metric; empty without records.

    Kept as long as the result is: a table and several claims ask for the same ones.
    """
    kept = _influences.setdefault(result, {})
    if metric not in kept:
        kept[metric] = _leave_out(result.examples, metric)
    return kept[metric]


def _leave_out(
    examples: dict[str, Num[np.ndarray, "..."]], metric: str
) -> Float64[np.ndarray, " clusters"]:
    if "cluster" not in examples:
        return np.zeros(0)
    if np.ptp(examples["cluster"]) == 0:
        return np.zeros(1)  # without its only cluster nothing is left to score
    if metric in examples:
        return jackknife_mean(examples[metric], examples["cluster"])
    statistic = statistic_of(metric)
    if statistic is None or any(name not in examples for name in statistic.records):
        return np.zeros(0)
    records = statistic.of(examples)
    return jackknife(statistic.smoothed(), records, grouped(examples["cluster"], GROUPS))
