"""What holds over several tasks: means, ranks, and which models are surely told apart."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxemb.config import UsageError
from jaxemb.statistics import (
    Components,
    RankInterval,
    compare_tasks,
    friedman,
    groups,
    letters,
    main_metrics,
    mean_over_tasks,
    mean_ranks,
    rank_arms,
    rank_intervals,
    separated_pairs,
    task_scores,
)
from jaxemb.statistics.result import Result

Seeds = Sequence[Mapping[str, Result]]
Rows = Mapping[str, Seeds]
Metrics = Mapping[str, str]


class Apart(NamedTuple):
    """Which models are told apart by their means over tasks, after Holm's correction over all pairs."""

    ranks: list[RankInterval]
    letters: list[str]
    against_first: list[Components]


def over_tasks(arms: Sequence[Seeds], metrics: Metrics) -> dict[str, Any]:
    """Means, mean ranks and Friedman's test over tasks, one metric of each; models by position."""
    scores = task_scores(arms, metrics)
    return {
        "metrics": [f"{task}/{metric}" for task, metric in metrics.items()],
        "mean": scores.mean(axis=0).tolist(),
        "mean_rank": mean_ranks(scores).tolist(),
        "friedman": _friedman(scores) if len(arms) > 2 else None,
    }


def told_apart(arms: Sequence[Seeds], metrics: Metrics) -> Apart | None:
    """By the difference of means on these tasks, over seeds and examples.

    None where a task has no records of two clusters of examples, or not the same ones for all.
    """
    pairs = list(itertools.combinations(range(len(arms)), 2))
    try:
        found = {(i, j): compare_tasks(arms[j], arms[i], metrics) for i, j in pairs}
    except UsageError:
        return None
    separated = separated_pairs(len(arms), pairs, [f.over_examples().p for f in found.values()])
    means = task_scores(arms, metrics).mean(axis=0)
    return Apart(
        ranks=rank_intervals(means, separated),
        letters=letters(groups(means, separated), len(arms)),
        against_first=[found[0, arm] for arm in range(1, len(arms))],
    )


def _friedman(scores: np.ndarray) -> dict[str, Any]:
    found = friedman(scores)
    return {
        "statistic": found.statistic,
        "p": found.p,
        "critical_difference": found.critical_difference,
        "groups": [list(group) for group in found.groups],
    }


# --- of an experiment, for its record


def ranking(rows: Rows) -> dict[str, Any] | None:
    """Ranks of arms and controls in every task, and over the tasks that all of them can do.

    Args:
        rows: one result per seed, by the row's name; arms with the same seeds, controls with one.

    Returns:
        `{"tasks": {"sts/spearman": {row: {rank, low, high, group}}}, "overall": ...}`, where
        `overall` has `metrics`, `rows` (`{row: {mean, interval, mean_rank, rank, low, high,
        group}}`) and `friedman`. None with fewer than two rows or tasks.
    """
    rows = {name: seeds for name, seeds in rows.items() if seeds}
    tasks = {task: metric for seeds in rows.values() for task, metric in _mains(seeds).items()}
    if len(rows) < 2 or len(tasks) < 2:
        return None
    told = {f"{task}/{metric}": _in_task(rows, task, metric) for task, metric in tasks.items()}
    return {
        "tasks": {name: found for name, found in told.items() if found},
        "overall": _overall(rows),
    }


def _mains(seeds: Seeds) -> dict[str, str]:
    return main_metrics([seeds])


def _in_task(rows: Rows, task: str, metric: str) -> dict[str, Any]:
    """Empty where the rows were not scored on the same examples."""
    able = {n: s for n, s in rows.items() if all(task in seed for seed in s)}
    if len(able) < 2:
        return {}
    try:
        ranks, separated = rank_arms(list(able.values()), task, metric)
    except UsageError:
        return {}
    scores = task_scores(list(able.values()), {task: metric})[0]
    return _by_row(able, ranks, letters(groups(scores, separated), len(able)))


def _by_row(rows: Rows, ranks: Sequence[RankInterval], marks: Sequence[str]) -> dict[str, dict]:
    return {
        name: {**rank._asdict(), "group": mark}
        for name, rank, mark in zip(rows, ranks, marks, strict=True)
    }


def _overall(rows: Rows) -> dict[str, Any] | None:
    """Over the tasks of the row with most of them, among the rows that can do all of these."""
    most = max((_mains(seeds) for seeds in rows.values()), key=len)
    able = {name: seeds for name, seeds in rows.items() if _mains(seeds).keys() >= most.keys()}
    names, arms = list(able), list(able.values())
    if len(able) < 2 or len(most) < 2 or (apart := told_apart(arms, most)) is None:
        return None
    found = over_tasks(arms, most)
    told = _by_row(able, apart.ranks, apart.letters)
    for place, row in enumerate(told.values()):
        mean = mean_over_tasks(arms[place], most).over_examples()
        row |= {"mean": mean.effect, "interval": tuple(mean.interval)}
        row["mean_rank"] = found["mean_rank"][place]
    if found["friedman"] is not None:
        groups_ = found["friedman"]["groups"]
        found["friedman"]["groups"] = [[names[model] for model in group] for group in groups_]
    return {"metrics": found["metrics"], "rows": told, "friedman": found["friedman"]}
