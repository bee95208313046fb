"""By how much runs differ, metric by metric and over tasks, corrected for how much was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, diff, expression, from_json, near_miss, paths
from jaxemb.statistics import (
    Comparison,
    Components,
    benjamini_hochberg,
    compare,
    holm,
    task_scores,
    wilcoxon,
)
from jaxemb.statistics.metrics import DESCRIPTIVE
from jaxemb.statistics.result import Result
from jaxemb.study.comparison.scored import ScoredArm, read_arm
from jaxemb.study.comparison.settings import check_alike
from jaxemb.study.rankings import over_tasks, told_apart

Seeds = list[Mapping[str, Result]]


def compare_runs(
    paths: Sequence[Path], *, metrics: Sequence[str] | None = None, allow: Sequence[str] = ()
) -> dict[str, Any]:
    """Every run against the first: settings that differ, effects, and what holds over tasks.

    Seeds that all trained arms have are paired, and within them the examples; an arm in which
    nothing is trained stands beside every seed. p values are corrected over everything printed.

    Args:
        paths: two or more runs, arms with several seeds, or results of `jaxemb eval`.
        metrics: only these, such as `"sts/spearman"` or a task's name; all by default.
        allow: settings that may differ; see `comparison.settings.ALLOWED`.

    Raises:
        UsageError: there is no finished run, no such metric, or the scores were made with different
            settings.
    """
    if len(paths) < 2:
        raise UsageError("compare takes two or more runs.")
    arms = [read_arm(path) for path in paths]
    check_alike(arms, allow)
    seeds, results = _paired(arms)
    chosen = _chosen(results, metrics)
    return {
        "arms": [_told(arm, used) for arm, used in zip(arms, seeds, strict=True)],
        "settings": _differing(arms),
        "metrics": _effects(arms, results, chosen),
        "tasks": _over_tasks(arms, results, _mains(arms, chosen)),
    }


def _told(arm: ScoredArm, seeds: list[int]) -> dict[str, Any]:
    return {"name": arm.name, "path": str(arm.path), "seeds": seeds, "trained": arm.trained}


def _paired(arms: Sequence[ScoredArm]) -> tuple[list[list[int]], list[Seeds]]:
    """The seeds of every arm that are compared, in one order, and their results."""
    trained = [arm for arm in arms if arm.trained]
    shared = sorted(set.intersection(*(set(arm.seeds) for arm in trained))) if trained else []
    chosen = []
    for arm in arms:
        # Single runs may be compared across seeds; the seed is then among the settings that differ.
        chosen.append(shared if arm.trained and shared else [next(iter(arm.seeds))])
    results = [[a.seeds[s] for s in used] for a, used in zip(arms, chosen, strict=True)]
    if any(not _recorded(seed) for seeds in results for seed in seeds):
        results = [[_scores_alone(seed) for seed in seeds] for seeds in results]
    return chosen, results


def _recorded(results: Mapping[str, Result]) -> bool:
    return any("cluster" in result.examples for result in results.values())


def _scores_alone(results: Mapping[str, Result]) -> dict[str, Result]:
    """Where one arm has no records, those of another pair with nothing; data was compared before."""
    return {task: replace(result, examples={}, data="") for task, result in results.items()}


def _differing(arms: Sequence[ScoredArm]) -> dict[str, list[str]]:
    """Where recipes differ from the first one's: the value in every arm, `-` where it has none."""
    recipes = [from_json(arm.described["recipe"]) for arm in arms if "recipe" in arm.described]
    if len(recipes) < len(arms):
        return {}
    found = [key for other in recipes[1:] for key in diff(recipes[0], other)]
    keys = [key for key in dict.fromkeys(found) if not any(key.startswith(f"{k}.") for k in found)]
    told = [paths(recipe) for recipe in recipes]
    return {key: [_value(fields, key) for fields in told] for key in keys}


def _value(fields: Mapping[str, Any], key: str) -> str:
    return expression(fields[key]) if key in fields else "-"


def _chosen(results: Sequence[Seeds], wanted: Sequence[str] | None) -> list[str]:
    """Metrics that all arms have, as `task/metric`."""
    first, *others = (seeds[0] for seeds in results)
    shared = [
        f"{task}/{metric}"
        for task, result in first.items()
        for metric in result.metrics
        if all(task in other and metric in other[task].metrics for other in others)
    ]
    if not shared:
        raise UsageError("These runs have no metric in common.")
    for name in wanted or ():
        if not any(name in (metric, metric.rpartition("/")[0]) for metric in shared):
            raise UsageError(
                f"There is no metric '{name}'{near_miss(name, shared)}; metrics: {', '.join(shared)}."
            )
    return [m for m in shared if not wanted or {m, m.rpartition("/")[0]} & set(wanted)]


def _mains(arms: Sequence[ScoredArm], chosen: Sequence[str]) -> dict[str, str]:
    """The first chosen metric of every task on whole vectors whose scores say how good a model is."""
    left_out = frozenset().union(*(arm.descriptive for arm in arms))
    mains: dict[str, str] = {}
    for name in chosen:
        task, _, metric = name.rpartition("/")
        if "@" not in task and task not in left_out:
            mains.setdefault(task, metric)
    return {task: metric for task, metric in mains.items() if metric not in DESCRIPTIVE}


def _trained_once(arms: Sequence[ScoredArm], results: Sequence[Seeds]) -> bool:
    """Whether another seed would have given other models, and nobody knows how different ones."""
    return any(a.trained for a in arms) and max(map(len, results)) == 1


def _effects(
    arms: Sequence[ScoredArm], results: Sequence[Seeds], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for every metric and every run but the first; p corrected over all rows."""
    rows, found = [], []
    for name in chosen:
        task, _, metric = name.rpartition("/")
        for place in range(1, len(results)):
            one, other = ([seed[task] for seed in results[i]] for i in (place, 0))
            scores = [float(np.mean([r.metrics[metric] for r in arm])) for arm in (one, other)]
            rows.append({"metric": name, "arm": place, "score": scores[0], "base": scores[1]})
            trained = arms[place].trained or arms[0].trained or max(len(one), len(other)) > 1
            found.append(compare(one, other, metric, trained=trained))
    # Seeds alone would say that other examples change nothing.
    recorded = all(_recorded(seed) for seeds in results for seed in seeds)
    known = [n for n, one in enumerate(found) if recorded and np.isfinite(one.standard_error)]
    ps = [found[place].p for place in known]
    corrected = dict(zip(known, zip(holm(ps), benjamini_hochberg(ps), strict=True), strict=True))
    return [
        row | _judged(one, corrected.get(place))
        for place, (row, one) in enumerate(zip(rows, found, strict=True))
    ]


def _judged(found: Comparison, corrected: tuple[float, float] | None) -> dict[str, Any]:
    """None for all that cannot be known without records of two clusters of examples, or seeds."""
    if corrected is None:
        unknown = ("interval", "p", "holm", "bh", "detectable", "seeds_needed", "clusters_needed")
        return {"effect": found.effect} | dict.fromkeys(unknown)
    return {
        "effect": found.effect,
        "interval": tuple(found.interval),
        "p": found.p,
        "holm": float(corrected[0]),
        "bh": float(corrected[1]),
        "detectable": found.detectable,
        "seeds_needed": found.seeds_needed,
        "clusters_needed": found.clusters_needed,
    }


# --- over tasks


def _over_tasks(
    arms: Sequence[ScoredArm], results: Sequence[Seeds], metrics: Mapping[str, str]
) -> dict[str, Any] | None:
    """Means, ranks and tests over tasks, one metric of each; None where there is one task.

    Wilcoxon's test is of every arm against the first.
    """
    if len(metrics) < 2:
        return None
    apart = None if _trained_once(arms, results) else told_apart(results, metrics)
    return over_tasks(results, metrics) | {
        "wilcoxon": _wilcoxon(task_scores(results, metrics)),
        "ranks": apart and [tuple(rank) for rank in apart.ranks],
        "letters": apart and apart.letters,
        "effects": apart and [_mean_effect(found) for found in apart.against_first],
    }


def _wilcoxon(scores: np.ndarray) -> list[dict[str, Any]]:
    """Every arm but the first; no test of `tasks` tasks can have a p below `least`."""
    ps = [wilcoxon(scores[:, arm], scores[:, 0]) for arm in range(1, scores.shape[1])]
    least = 2.0 ** (1 - len(scores))
    return [
        {"p": p, "holm": float(corrected), "least": least}
        for p, corrected in zip(ps, holm(ps), strict=True)
    ]


def _mean_effect(found: Components) -> dict[str, Any]:
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
