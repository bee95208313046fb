"""Results of several tasks put together: arms compared and ranked over all of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from jaxemb.config import UsageError
from jaxemb.statistics.arms import (
    clusters_of,
    compare,
    influence_of,
    same_examples,
)
from jaxemb.statistics.components import Components, pseudo_values, variance_components
from jaxemb.statistics.metrics import DESCRIPTIVE
from jaxemb.statistics.ranking import (
    RankInterval,
    Separated,
    rank_intervals,
    separated_pairs,
)
from jaxemb.statistics.result import Result

Arm = Sequence[Mapping[str, Result]]
"""An arm's results: a mapping of tasks to results for every seed."""
Metrics = Mapping[str, str]
"""The metric of every task that counts."""


def main_metrics(arms: Sequence[Arm]) -> dict[str, str]:
    """The first metric of every task that all arms were scored in, whole models only.

    A task on cut vectors, such as `retrieval@dim=32`, says the same again and is left out, and so is
    one whose main metric describes a model without being good or bad (`metrics.DESCRIPTIVE`).
    """
    every = [seed for arm in arms for seed in arm]
    shared = [task for task in every[0] if all(task in seed for seed in every) and "@" not in task]
    mains = {task: next(iter(every[0][task].metrics)) for task in shared}
    return {task: metric for task, metric in mains.items() if metric not in DESCRIPTIVE}


def task_scores(arms: Sequence[Arm], metrics: Metrics) -> Float64[np.ndarray, "tasks arms"]:
    """Mean over seeds of every arm's score in every task."""
    return np.array(
        [
            [np.mean([seed[task].metrics[metric] for seed in arm]) for arm in arms]
            for task, metric in metrics.items()
        ],
        np.float64,
    ).reshape(len(metrics), len(arms))


def compare_tasks(a: Arm, b: Arm, metrics: Metrics, *, confidence: float = 0.95) -> Components:
    """How much higher arm `a` scores than arm `b` on average over tasks, and why that is unsure.

    `.over_tasks()` judges it for tasks like these, `.over_examples()` for these ones. Seeds are
    paired, and examples within tasks; an arm of one result is paired with every seed of the other.
    Examples of different tasks are taken as independent: where tasks are made from the same texts,
    the example part is too small.

    Raises:
        UsageError: there are fewer than two tasks, a task has no per-example records, or the data
            or examples differ.
    """
    seeds = max(len(a), len(b))
    tasks = [_difference(task, metric, a, b, seeds) for task, metric in metrics.items()]
    return variance_components(tasks, clusters=_clusters(a, metrics), confidence=confidence)


def mean_over_tasks(arm: Arm, metrics: Metrics, *, confidence: float = 0.95) -> Components:
    """An arm's mean score over tasks, and why that is unsure.

    Raises:
        UsageError: there are fewer than two tasks, or a task has no per-example records.
    """
    tasks = [_pseudo_values(arm, task, metric) for task, metric in metrics.items()]
    return variance_components(tasks, clusters=_clusters(arm, metrics), confidence=confidence)


def rank_arms(
    arms: Sequence[Arm], task: str, metric: str, *, confidence: float = 0.95
) -> tuple[tuple[RankInterval, ...], Separated]:
    """The ranks in one task that every arm may truly have, and which arms are told apart.

    Each pair is compared over seeds and examples, two arms of one result each over examples alone,
    and Holm's correction is taken over all pairs.
    """
    pairs = [(i, j) for i in range(len(arms)) for j in range(i + 1, len(arms))]
    results = [[seed[task] for seed in arm] for arm in arms]
    ps = []
    for i, j in pairs:
        trained = max(len(results[i]), len(results[j])) > 1
        ps.append(compare(results[i], results[j], metric, trained=trained).p)
    separated = separated_pairs(len(arms), pairs, ps, confidence=confidence)
    return rank_intervals(task_scores(arms, {task: metric})[0], separated), separated


def _difference(
    task: str, metric: str, a: Arm, b: Arm, seeds: int
) -> Float64[np.ndarray, "seeds clusters"]:
    same_examples([seed[task] for arm in (a, b) for seed in arm], metric)
    one, other = (_pseudo_values(arm, task, metric) for arm in (a, b))
    if {len(one), len(other)} - {1, seeds}:
        raise UsageError(
            f"{task}: the arms have {len(one)} and {len(other)} seeds; seeds are compared in pairs"
        )
    return one - other


def _pseudo_values(arm: Arm, task: str, metric: str) -> Float64[np.ndarray, "seeds clusters"]:
    scores = np.array([seed[task].metrics[metric] for seed in arm], np.float64)
    return pseudo_values(scores, _influences(arm, task, metric))


def _clusters(arm: Arm, metrics: Metrics) -> list[int]:
    return [clusters_of(arm[0][task]) for task in metrics]


def _influences(arm: Arm, task: str, metric: str) -> Float64[np.ndarray, "seeds clusters"]:
    found = np.stack([influence_of(seed[task], metric) for seed in arm])
    if found.shape[1] < 2:
        raise UsageError(f"{task}/{metric} has no records of two clusters of examples or more.")
    return found
