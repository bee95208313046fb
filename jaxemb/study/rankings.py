"""The table of tasks and models: which ranks are sure, for the record of an experiment."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.statistics import (
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

Rows = Mapping[str, Sequence[Mapping[str, Result]]]


def ranking(rows: Rows) -> dict[str, Any] | None:
    """Ranks of arms and controls in every task, and over the tasks that all of them can do.

    Args:
        rows: results a seed, by the row's name; arms with the same seeds, controls with one result.

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


def _mains(seeds: Sequence[Mapping[str, Result]]) -> dict[str, str]:
    return main_metrics([seeds])


def _in_task(rows: Rows, task: str, metric: str) -> dict[str, Any]:
    """Empty where the rows were not scored on the same examples."""
    able = {n: s for n, s in rows.items() if all(task in seed for seed in s)}
    if len(able) < 2:
        return {}
    try:
        intervals, separated = rank_arms(list(able.values()), task, metric)
    except UsageError:
        return {}
    scores = task_scores(list(able.values()), {task: metric})[0]
    return _by_row(able, intervals, letters(groups(scores, separated), len(able)))


def _by_row(
    rows: Rows, intervals: Sequence[RankInterval], marks: Sequence[str]
) -> dict[str, dict[str, Any]]:
    return {
        name: {**interval._asdict(), "group": mark}
        for name, interval, mark in zip(rows, intervals, marks, strict=True)
    }


def _overall(rows: Rows) -> dict[str, Any] | None:
    """Over the tasks of the row with most of them, among the rows that can do all of these."""
    most = max((_mains(seeds) for seeds in rows.values()), key=len)
    able = {name: seeds for name, seeds in rows.items() if _mains(seeds).keys() >= most.keys()}
    arms = list(able.values())
    if len(able) < 2 or len(most) < 2:
        return None
    pairs = list(itertools.combinations(range(len(arms)), 2))
    try:
        ps = [compare_tasks(arms[i], arms[j], most).over_examples().p for i, j in pairs]
        means = [mean_over_tasks(arm, most).over_examples() for arm in arms]
    except UsageError:  # a task without records of two clusters of examples
        return None
    separated = separated_pairs(len(arms), pairs, ps)
    scores = task_scores(arms, most)
    centre = scores.mean(axis=0)
    ranks = rank_intervals(centre, separated)
    told = _by_row(able, ranks, letters(groups(centre, separated), len(arms)))
    for row, mean, rank in zip(told.values(), means, mean_ranks(scores), strict=True):
        row |= {"mean": mean.effect, "interval": tuple(mean.interval), "mean_rank": float(rank)}
    metrics = [f"{task}/{metric}" for task, metric in most.items()]
    return {"metrics": metrics, "rows": told, "friedman": _friedman(list(able), scores)}


def _friedman(names: Sequence[str], scores: np.ndarray) -> dict[str, Any] | None:
    if len(names) < 3:
        return None
    found = friedman(scores)
    return {
        "statistic": found.statistic,
        "p": found.p,
        "critical_difference": found.critical_difference,
        "groups": [[names[model] for model in group] for group in found.groups],
    }
