"""The folders of runs beside a record, and the curves that they logged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxemb.config.reading import read_json, read_json_lines

# What `run.json` tells of a run's costs: its name in a table, and how the number is written.
COSTS = {
    "seconds": ("seconds per run", "{:.0f}"),
    "seconds_to_first_step": ("seconds to a run's first step", "{:.1f}"),
    "programs": ("programs compiled a run", "{:.0f}"),
    "peak_memory_bytes": ("peak memory in bytes", "{:.2e}"),
}


@dataclass(frozen=True)
class Run:
    """One seed of one arm, as its folder tells it; absent files leave empty fields."""

    arm: str
    seed: int
    folder: Path
    status: str = ""
    error: str = ""
    recipe: dict | None = None
    steps: tuple[dict, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)


def read_runs(folder: Path, arms: Mapping[str, Mapping]) -> tuple[Run, ...]:
    """Every seed of every arm found under `<arm>-<fingerprint8>/seed-<n>`, in the arms' order."""
    found = [
        _read_run(arm, seed)
        for arm, entry in arms.items()
        for place in _arm_folders(folder, arm, entry)
        for seed in sorted(place.glob("seed-*"), key=_seed_number)
    ]
    return tuple(found)


def median_costs(runs: Iterable[Run]) -> dict[str, str]:
    """What the middle one of the finished runs took of the machine, by a readable name."""
    found = {}
    for key, (name, form) in COSTS.items():
        values = [run.costs[key] for run in runs if key in run.costs]
        if values:
            found[name] = form.format(float(np.median(values)))
    return found


def curve(runs: Iterable[Run], key: str, points: int = 120) -> dict[str, np.ndarray] | None:
    """One quantity over steps: mean over seeds, and the lowest and highest seed.

    Long logs are averaged into at most `points` bins, one seed at a time, so a band is the spread
    between seeds and not between steps. None where fewer than two bins hold a value.
    """
    series = [_series(run.steps, key) for run in runs]
    series = [(steps, values) for steps, values in series if len(steps)]
    if not series:
        return None
    every = np.unique(np.concatenate([steps for steps, _ in series]))
    edges = every[:: max(1, -(-len(every) // points))]
    binned = np.full((len(series), len(edges)), np.nan)
    for row, (steps, values) in zip(binned, series, strict=True):
        place = np.searchsorted(edges, steps, side="right") - 1
        count = np.bincount(place, minlength=len(edges))
        total = np.bincount(place, weights=values, minlength=len(edges))
        row[count > 0] = total[count > 0] / count[count > 0]
    full = ~np.isnan(binned).any(axis=0)
    if full.sum() < 2:
        return None
    binned = binned[:, full]
    return {
        "step": edges[full],
        "mean": binned.mean(axis=0),
        "low": binned.min(axis=0),
        "high": binned.max(axis=0),
    }


def logged(runs: Iterable[Run]) -> tuple[str, ...]:
    """Names of the evaluation metrics that were logged while training, in order of appearance."""
    names = {
        name: None
        for run in runs
        for step in run.steps
        for name in step
        if "/" in name and not name.startswith(("loss/", "term/"))
    }
    return tuple(names)


def _arm_folders(folder: Path, arm: str, entry: Mapping) -> list[Path]:
    """The arm's folder with the recorded fingerprint; where that is gone, any of its folders."""
    digits = (entry.get("fingerprint") or "")[:8]
    exact = folder / f"{arm}-{digits}"
    if digits and exact.is_dir():
        return [exact]
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and p.name.rpartition("-")[0] == arm)


def _seed_number(folder: Path) -> int:
    digits = folder.name.removeprefix("seed-")
    return int(digits) if digits.isdigit() else -1


def _read_run(arm: str, folder: Path) -> Run:
    about = read_json(folder / "run.json", default={})
    return Run(
        arm=arm,
        seed=_seed_number(folder),
        folder=folder,
        status=str(about.get("status") or ""),
        error=str(about.get("error") or ""),
        recipe=about.get("recipe"),
        steps=tuple(read_json_lines(folder / "metrics.jsonl")),
        costs={key: about[key] for key in COSTS if isinstance(about.get(key), int | float)},
    )


def _series(steps: Iterable[Mapping], key: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(s["step"], s[key]) for s in steps if isinstance(s.get(key), int | float)]
    table = np.array(pairs, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]
