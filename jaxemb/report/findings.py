"""Reads a record into what the tables and plots draw."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxemb.config import UsageError
from jaxemb.report import words
from jaxemb.report.embedded import TextMap
from jaxemb.report.run_logs import Run, read_runs


@dataclass(frozen=True)
class Estimate:
    """A score: its mean, an interval where there is one, and the seeds it came from."""

    mean: float
    low: float | None = None
    high: float | None = None
    seeds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of the score table: an arm, or a control (then it has no parameters or FLOPs).

    `flops` are those of texts as long as the limit; `flops_spent` those of the steps that ran, which
    older records do not tell.
    """

    name: str
    scores: dict[str, Estimate]
    overrides: dict[str, object] = field(default_factory=dict)
    parameters: float | int | None = None
    flops: float | int | None = None
    flops_spent: float | int | None = None
    fingerprint: str = ""
    learning_rate: float | int | None = None
    control: bool = False

    @property
    def title(self) -> str:
        """Its name for reading."""
        return words.control(self.name) if self.control else self.name


@dataclass(frozen=True)
class Claim:
    """What was claimed and what came of it, as `words` spells it; numbers that are unknown are None."""

    text: str = ""
    verdict: str = "not judged"
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_corrected: float | None = None
    detectable: float | None = None
    seeds_needed: int | None = None
    over_tasks: bool = False

    @property
    def interval(self) -> str:
        """Its interval with signs; empty where there is none."""
        return words.interval(self.low, self.high, sign=True)


@dataclass(frozen=True)
class Failure:
    """A seed of an arm that is in no mean, and why."""

    arm: str
    seed: int | None
    reason: str


@dataclass(frozen=True)
class Findings:
    """Everything a report draws: the record, its rows and metrics, and the runs on disk.

    The first `headlines` of the metrics are what claims speak of and the first metric of each
    task; tables of one screen's width hold no more.
    """

    record: Mapping
    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    headlines: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    maps: tuple[TextMap, ...] = ()

    @property
    def arms(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.control)

    @property
    def controls(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.control)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(map(_claim, self.record.get("claims") or ()))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failed runs that the record names, and those that the folders hold besides."""
        told = [Failure(f["arm"], f["seed"], f["error"]) for f in self.record.get("failed") or ()]
        known = {(failure.arm, failure.seed) for failure in told}
        left = [run for run in self.runs if run.status == "failed"]
        left = [Failure(r.arm, r.seed, r.error) for r in left if (r.arm, r.seed) not in known]
        return (*told, *left)


def findings(record: Mapping, runs: Path | None = None) -> Findings:
    """Reads what a report needs.

    Args:
        record: an experiment's record, as its JSON file holds it.
        runs: the folder of arm folders; None where only the record is at hand.

    Raises:
        UsageError: the record lacks its experiment's name or its arms.
    """
    for key in ("experiment", "arms"):
        if key not in record:
            raise UsageError(f"this is not an experiment's record: it has no {key!r}")
    rows = (*_arms(record["arms"]), *_controls(record.get("controls") or {}))
    on_disk = read_runs(runs, record["arms"]) if runs is not None else ()
    metrics, headlines = _metrics(record, rows)
    return Findings(record, rows, metrics, headlines, on_disk)


def estimate(values: Iterable[float], confidence: float = 0.95) -> Estimate:
    """Mean with its t interval over seeds: mean ± t(n − 1) · s / √n; no interval for one seed."""
    from scipy import stats

    seeds = tuple(float(value) for value in values)
    mean = float(np.mean(seeds))
    if len(seeds) < 2 or not np.all(np.isfinite(seeds)):
        return Estimate(mean, seeds=seeds)
    error = float(np.std(seeds, ddof=1)) / len(seeds) ** 0.5
    reach = float(stats.t.ppf((1 + confidence) / 2, len(seeds) - 1)) * error
    return Estimate(mean, mean - reach, mean + reach, seeds)


def cut(metric: str) -> tuple[str, dict[str, int]]:
    """A metric without its cut, and the cut: `retrieval@layers=2,dim=32/ndcg@10` is that of
    `retrieval/ndcg@10` at 2 layers and 32 dimensions."""
    task, _, measure = metric.rpartition("/")
    name, _, settings = task.partition("@")
    pairs = re.findall(r"(layers|dim)=(\d+)", settings)
    return (f"{name}/{measure}", {k: int(n) for k, n in pairs}) if pairs else (metric, {})


def surface(row: Row, metric: str) -> dict[tuple[int | None, int | None], float]:
    """Scores of one metric at every (layers, dim) that the trained model was cut to.

    None stands for an axis along which nothing was cut.
    """
    cells = {}
    for name, found in row.scores.items():
        whole, sizes = cut(name)
        if whole == metric and sizes:
            cells[sizes.get("layers"), sizes.get("dim")] = found.mean
    return cells


def axes(arms: Iterable[Row]) -> tuple[str, ...]:
    """Override keys that take two or more values over the arms, most values first."""
    arms = tuple(arms)
    keys = {key: None for arm in arms for key in arm.overrides}
    values = {key: {json.dumps(arm.overrides.get(key)) for arm in arms} for key in keys}
    varied = [key for key in keys if len(values[key]) > 1]
    return tuple(sorted(varied, key=lambda key: -len(values[key])))


def _claim(told: Mapping) -> Claim:
    low, high = told.get("interval") or (None, None)
    numbers = ("effect", "p_corrected", "detectable", "seeds_needed")
    return Claim(
        text=str(told.get("text", "")),
        verdict=str(told.get("verdict") or "not judged"),
        low=low,
        high=high,
        over_tasks=told.get("metric") == "every task",
        **{name: told.get(name) for name in numbers},
    )


def _arms(arms: Mapping[str, Mapping]) -> tuple[Row, ...]:
    return tuple(
        Row(
            name=name,
            scores=_over_seeds(entry.get("seeds") or (), entry.get("summary") or {}),
            overrides=dict(entry.get("overrides") or {}),
            parameters=entry.get("parameters"),
            flops=entry.get("flops"),
            flops_spent=entry.get("flops_spent"),
            fingerprint=entry.get("fingerprint") or "",
            learning_rate=entry.get("learning_rate"),
        )
        for name, entry in arms.items()
    )


def _over_seeds(seeds: Iterable[Mapping], summary: Mapping) -> dict[str, Estimate]:
    """Estimates as the summary has them, over seeds and examples; else over the seeds alone."""
    values: dict[str, list[float]] = {}
    for seed in seeds:
        for metric, value in (seed.get("metrics") or {}).items():
            if value is not None:
                values.setdefault(metric, []).append(float(value))
    return {
        metric: _as_estimate(summary[metric], tuple(x)) if metric in summary else estimate(x)
        for metric, x in values.items()
    }


def _controls(controls: Mapping[str, Mapping]) -> tuple[Row, ...]:
    return tuple(
        Row(name=name, scores={m: _as_estimate(x) for m, x in scores.items()}, control=True)
        for name, scores in controls.items()
    )


def _as_estimate(value: float | int | Mapping, seeds: tuple[float, ...] = ()) -> Estimate:
    if not isinstance(value, Mapping):
        return Estimate(float(value), seeds=seeds)
    low, high = (_finite(value.get(end)) for end in ("low", "high"))
    return Estimate(float(value["mean"]), low, high, seeds)


def _finite(value: float | int | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _metrics(record: Mapping, rows: Iterable[Row]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All metrics, and the headlines, which come first: claimed ones, then each task's first."""
    names = tuple({metric: None for row in rows for metric in row.scores})
    claims = record.get("claims") or ()
    claimed = [name for claim in claims for name in names if _speaks_of(claim, name)]
    firsts = {_task(name): name for name in reversed(names) if not cut(name)[1]}
    spoken = {_task(name) for name in claimed}
    others = [n for n in names if firsts.get(_task(n)) == n and _task(n) not in spoken]
    headlines = tuple(dict.fromkeys((*claimed, *others)))
    return tuple(dict.fromkeys((*headlines, *names))), headlines


def _task(metric: str) -> str:
    return metric.rpartition("/")[0]


def _speaks_of(claim: Mapping, metric: str) -> bool:
    said = claim.get("metric")
    return said == metric if said else metric in str(claim.get("text", "")).split()
