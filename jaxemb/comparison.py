"""Two runs side by side: what differs in their recipes, and by how much their scores do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb import console
from jaxemb.claims import Better, Judgement, Table, judge_all
from jaxemb.config import UsageError, diff, expression, from_json
from jaxemb.evaluation import Result
from jaxemb.runs import read_results

MARGIN = 0.01


def compare_runs(a: Path, b: Path) -> dict[str, Any]:
    """Settings that differ, as `{path: (a, b)}`, and by metric the scores, effect, interval and p.

    Seeds that both have are paired, and within them the examples; the effect is `b` minus `a`.

    Args:
        a, b: folders of a run (`.../seed-0`), or of an arm with several seeds.

    Raises:
        UsageError: there is no finished run, or the two were not scored on the same data alike.
    """
    left, right = _runs(a), _runs(b)
    seeds = sorted(set(left) & set(right))
    # Single runs may be compared across seeds; the seed is then among the settings that differ.
    pairs = [(left[seed], right[seed]) for seed in seeds]
    if not pairs:
        pairs = [(left[min(left)], right[min(right)])]
    one, other = _described(pairs[0][0]), _described(pairs[0][1])
    _check_alike(one, other)
    settings = diff(from_json(one["recipe"]), from_json(other["recipe"]))
    return {
        "settings": {path: tuple(map(expression, change)) for path, change in settings.items()},
        "seeds": seeds or [min(left)],
        "metrics": _differences([(read_results(x), read_results(y)) for x, y in pairs]),
    }


def _runs(path: Path) -> dict[int, Path]:
    """Finished runs by seed."""
    found = [path] if (path / "run.json").exists() else sorted(path.glob("seed-*"))
    done = {}
    for folder in found:
        described = _described(folder)
        if described["status"] == "done":
            done[described["seed"]] = folder
    if not done:
        raise UsageError(
            f"{path} holds no finished run; give a run's folder (.../seed-0) or an arm's."
        )
    return done


def _described(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "run.json").read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"{folder / 'run.json'} cannot be read: {error}.") from error


def _check_alike(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Scores of different tasks or data say nothing of each other."""
    for what, left, right in (
        ("scale", a["scale"], b["scale"]),
        ("evaluation", a["recipe"]["evaluation"], b["recipe"]["evaluation"]),
        ("data", a["data"], b["data"]),
    ):
        if left != right:
            raise UsageError(f"These runs cannot be compared: their {what} differs.")


def _differences(pairs: list[tuple[dict[str, Result], dict[str, Result]]]) -> list[dict[str, Any]]:
    first, second = pairs[0]
    metrics = [
        f"{task}/{metric}"
        for task, result in first.items()
        for metric in result.metrics
        if task in second and metric in second[task].metrics
    ]
    table = Table(
        arms={"A": [a for a, _ in pairs], "B": [b for _, b in pairs]}, trained=len(pairs) > 1
    )
    claims = [claim for metric in metrics if (claim := _judgeable(metric, table))]
    judged = dict(zip([c.metric for c in claims], judge_all(claims, table, MARGIN), strict=True))
    return [
        _row(metric, _mean(metric, table.arms["A"]), _mean(metric, table.arms["B"]), judged)
        for metric in metrics
    ]


def _judgeable(metric: str, table: Table) -> Better | None:
    """That B is better; None where there are too few examples to say how sure that is."""
    claim = Better(metric, "B", than="A")
    try:
        claim.estimate(table)
    except UsageError:
        return None
    return claim


def _row(metric: str, a: float, b: float, judged: Mapping[str, Judgement]) -> dict[str, Any]:
    row = {"metric": metric, "a": a, "b": b, "effect": b - a}
    one = judged.get(metric)
    found = (None, None, None) if one is None else (one.interval, one.p, one.p_corrected)
    return row | dict(zip(("interval", "p", "p_corrected"), found, strict=True))


def _mean(metric: str, results: Sequence[Mapping[str, Result]]) -> float:
    task, _, name = metric.partition("/")
    return float(np.mean([result[task].metrics[name] for result in results]))


def described(found: dict[str, Any]) -> str:
    """What `compare_runs` found, as text."""
    changes = [(path, a, "->", b) for path, (a, b) in found["settings"].items()]
    rows = [("metric", "A", "B", "B - A", "interval", "p", "p corrected")]
    for row in found["metrics"]:
        scores = (f"{row['a']:.4f}", f"{row['b']:.4f}", f"{row['effect']:+.4f}")
        sure = ("too few examples", "-", "-")
        if row["interval"] is not None:
            interval = "[{:+.4f}, {:+.4f}]".format(*row["interval"])
            sure = (interval, f"{row['p']:.2g}", f"{row['p_corrected']:.2g}")
        rows.append((row["metric"], *scores, *sure))
    seeds = len(found["seeds"])
    basis = f"over {seeds} paired seeds and the examples they share"
    if seeds == 1:
        basis = "over the examples of one seed each: how much seeds differ is not in the intervals"
    settings = console.columns(changes) if changes else "The recipes are equal."
    return "\n\n".join([settings, console.columns(rows), basis])
