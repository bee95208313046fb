"""A comparison as text for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxemb.report import words
from jaxemb.report.text import columns

NAMES = {
    "seed": "seeds", "task": "tasks", "example": "examples", "seed_task": "seeds x tasks",
    "residual": "seeds x examples",
}  # fmt: skip


def described(found: Mapping[str, Any]) -> str:
    """What `compare_runs` found, as text."""
    names = label(len(found["arms"]))
    parts = [_arms(found["arms"], names), _settings(found["settings"], names)]
    parts += [_effects(found["metrics"], names), _basis(found)]
    if found["tasks"] is not None:
        parts.append(_over_tasks(found["tasks"], names))
    return "\n\n".join(parts)


def label(count: int) -> list[str]:
    """A, B, C, ... and on with A1 after Z."""
    return [chr(ord("A") + n % 26) + (str(n // 26) if n >= 26 else "") for n in range(count)]


def _arms(arms: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    rows = []
    for name, arm in zip(names, arms, strict=True):
        seeds = f"seeds {', '.join(map(str, arm['seeds']))}" if arm["trained"] else "one model"
        rows.append((name, arm["name"], seeds, arm["path"]))
    return columns(rows)


def _settings(settings: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    if not settings:
        return "The recipes are equal, or not told."
    return columns([("field", *names), *((key, *row) for key, row in settings.items())])


def _effects(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    base = names[0]
    header = ("metric", "run", "score", base, f"run - {base}", "interval", "p", "Holm", "BH")
    lines = [(*header, "detectable", "seeds needed", "clusters needed")]
    for row in rows:
        scores = (f"{row['score']:.4f}", f"{row['base']:.4f}", f"{row['effect']:+.4f}")
        lines.append((row["metric"], names[row["arm"]], *scores, *_sure(row)))
    return columns(lines)


def _sure(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["interval"] is None:
        return ("not known", *["-"] * 6)
    chances = (f"{row[name]:.2g}" for name in ("p", "holm", "bh"))
    needed = (_count(row[name]) for name in ("seeds_needed", "clusters_needed"))
    return (_interval(row["interval"]), *chances, f"{row['detectable']:.4f}", *needed)


def _basis(found: Mapping[str, Any]) -> str:
    """What the intervals hold."""
    tests = len(found["metrics"])
    corrected = f"Holm and Benjamini-Hochberg correct over the {tests} rows."
    trained = [arm for arm in found["arms"] if arm["trained"]]
    if trained and max(len(arm["seeds"]) for arm in trained) == 1:
        seeds = "not known: each arm has one seed, and how much seeds differ is not known."
    elif trained:
        count = max(len(arm["seeds"]) for arm in trained)
        seeds = f"over {count} paired seeds and the examples they share."
    else:
        seeds = "over the examples alone: these are the models as they are."
    power = "An effect of the detectable size is found four times in five."
    return f"Intervals (95 %) are {seeds}\n{corrected} {power}"


def _over_tasks(found: Mapping[str, Any], names: Sequence[str]) -> str:
    tasks = len(found["metrics"])
    parts = [f"Over {tasks} tasks: {', '.join(found['metrics'])}", _ranks(found, names)]
    if found["friedman"] is not None:
        parts.append(_friedman(found["friedman"], names))
    if found["effects"] is not None:
        parts.append(_task_effects(found["effects"], names))
        parts.append("\n".join(_variance(found["effects"], names)))
    least = found["wilcoxon"][0]["least"]
    if least > 0.05:
        parts.append(f"Wilcoxon's p over {tasks} tasks is at least {least:.3g}; take six or more.")
    parts.append(words.TASKS_APART)
    return "\n\n".join(parts)


def _ranks(found: Mapping[str, Any], names: Sequence[str]) -> str:
    ranks, groups = found["ranks"], found["letters"]
    lines = [("run", "mean", "mean rank", "rank", "group", "Wilcoxon p", "Holm")]
    for place, name in enumerate(names):
        told = ("-", "-")
        if ranks is not None:
            _, low, high = ranks[place]
            told = (words.places(low, high), groups[place])
        test = found["wilcoxon"][place - 1] if place else None
        chances = (f"{test['p']:.2g}", f"{test['holm']:.2g}") if test else ("-", "-")
        means = (f"{found['mean'][place]:.4f}", f"{found['mean_rank'][place]:.2f}")
        lines.append((name, *means, *told, *chances))
    note = "Runs that share a letter are not told apart on these tasks (Holm over all pairs)."
    return columns(lines) + (f"\n{note}" if ranks is not None else "")


def _friedman(found: Mapping[str, Any], names: Sequence[str]) -> str:
    groups = "; ".join(" ".join(names[arm] for arm in group) for group in found["groups"])
    return (
        f"Friedman: chi2 = {found['statistic']:.2f}, p = {found['p']:.2g}. Nemenyi: mean ranks "
        f"{found['critical_difference']:.2f} apart differ; not separated: {groups}"
    )


def _task_effects(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    base = names[0]
    header = ("run", f"mean - {base}", "on these tasks", "p", "on tasks like these", "p")
    lines = [(*header, "detectable", "tasks needed")]
    for name, row in zip(names[1:], rows, strict=True):
        here = (_interval(row["interval"]), f"{row['p']:.2g}")
        anywhere = (_interval(row["interval_over_tasks"]), f"{row['p_over_tasks']:.2g}")
        needed = (f"{row['detectable_over_tasks']:.4f}", _count(row["tasks_needed"]))
        lines.append((name, f"{row['effect']:+.4f}", *here, *anywhere, *needed))
    return columns(lines)


def _variance(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Where the variance of the mean over tasks comes from, in percent."""
    lines = []
    for name, row in zip(names[1:], rows, strict=True):
        whole = sum(row["variance"].values())
        if whole > 0:
            shares = {NAMES[part]: value / whole for part, value in row["variance"].items()}
            told = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share > 0)
            lines.append(f"Variance of {name} - {names[0]}: {told}")
    return lines


def _interval(ends: Sequence[float]) -> str:
    return "[{:+.4f}, {:+.4f}]".format(*ends)


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
