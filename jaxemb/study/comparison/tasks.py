"""What holds over several tasks: means, ranks, and which runs are told apart."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.statistics import (
    Components,
    compare_tasks,
    friedman,
    groups,
    holm,
    letters,
    mean_ranks,
    rank_intervals,
    separated_pairs,
    task_scores,
    wilcoxon,
)
from jaxemb.statistics.result import Result

Seeds = Sequence[Mapping[str, Result]]


def over_tasks(arms: Sequence[Seeds], metrics: Mapping[str, str]) -> dict[str, Any] | None:
    """Means, mean ranks and tests over tasks, one metric of each; None where there is one task.

    Wilcoxon's test is of every arm against the first; ranks are told apart by the difference of
    means on these tasks, over seeds and examples, with Holm's correction over all pairs.
    """
    if len(metrics) < 2:
        return None
    scores = task_scores(arms, metrics)
    found = {
        "metrics": [f"{task}/{metric}" for task, metric in metrics.items()],
        "mean": scores.mean(axis=0).tolist(),
        "mean_rank": mean_ranks(scores).tolist(),
        "friedman": _friedman(scores) if len(arms) > 2 else None,
        "wilcoxon": _wilcoxon(scores),
    }
    return found | _with_records(arms, metrics, scores.mean(axis=0))


def _friedman(scores: np.ndarray) -> dict[str, Any]:
    found = friedman(scores)
    return {
        "statistic": found.statistic,
        "p": found.p,
        "critical_difference": found.critical_difference,
        "groups": [list(group) for group in found.groups],
    }


def _wilcoxon(scores: np.ndarray) -> list[dict[str, Any]]:
    """Every arm but the first; no test of `tasks` tasks can have a p below `least`."""
    ps = [wilcoxon(scores[:, arm], scores[:, 0]) for arm in range(1, scores.shape[1])]
    least = 2.0 ** (1 - len(scores))
    return [
        {"p": p, "holm": float(corrected), "least": least}
        for p, corrected in zip(ps, holm(ps), strict=True)
    ]


def _with_records(
    arms: Sequence[Seeds], metrics: Mapping[str, str], means: np.ndarray
) -> dict[str, Any]:
    """Ranks and effects with intervals; None where a task has no record for every example."""
    pairs = list(itertools.combinations(range(len(arms)), 2))
    try:
        found = {(i, j): compare_tasks(arms[j], arms[i], metrics) for i, j in pairs}
    except UsageError:
        return {"ranks": None, "letters": None, "effects": None}
    ps = [found[pair].over_examples().p for pair in pairs]
    separated = separated_pairs(len(arms), pairs, ps)
    return {
        "ranks": [tuple(interval) for interval in rank_intervals(means, separated)],
        "letters": letters(groups(means, separated), len(arms)),
        "effects": [_effect(found[0, arm]) for arm in range(1, len(arms))],
    }


def _effect(found: Components) -> dict[str, Any]:
    """The mean effect, on these tasks and on tasks like these, and what makes it unsure."""
    here, anywhere = found.over_examples(), found.over_tasks()
    return {
        "effect": found.effect,
        "interval": tuple(here.interval),
        "p": here.p,
        "interval_over_tasks": tuple(anywhere.interval),
        "p_over_tasks": anywhere.p,
        "detectable": here.detectable,
        "detectable_over_tasks": anywhere.detectable,
        "variance": found.shares(),
        "tasks_needed": found.tasks_needed(found.effect),
    }
