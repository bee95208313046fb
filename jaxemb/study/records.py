"""An experiment's record: scores of arms and controls, verdicts, and all that rebuilds them."""

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, provenance
from jaxemb.config.files import warn, write_over, write_whole
from jaxemb.evaluation import flatten
from jaxemb.statistics import level
from jaxemb.statistics.result import Result
from jaxemb.study.claims import Judgement, Table, judge_all
from jaxemb.study.identity import data_fingerprints
from jaxemb.study.jobs import Job
from jaxemb.study.rankings import ranking
from jaxemb.study.run_files import check_run, read_results, read_run, read_scores
from jaxemb.study.specification import Experiment
from jaxemb.study.tuning import picked_rate
from jaxemb.study.verdicts import FORMAT

Finished = Mapping[int, Mapping[str, Result]]
"""Results of an arm by seed."""


def write(
    named: Any, experiment: Experiment, options: Any, jobs: Sequence[Job],
    controls: Mapping[str, Mapping[str, Result]], folder: Path,
) -> dict:  # fmt: skip
    """Judge what the jobs left in their folders, and write `record.json` beside them.

    A copy of the experiment's file stands beside it: the commit of the record may not hold the file.

    Args:
        named, options: an `execution.Named` and its `Options`.
    """
    done = {job.arm: _results(job) for job in jobs}
    failed = [failure for job in jobs for failure in _failures(job)]
    judgements = _judge(experiment, jobs, done, controls)
    whole = options.scale != "smoke" and not options.arms
    trained = {control.name: control.trained for control in experiment.controls}
    record = {
        "format": FORMAT,
        "experiment": named.name,
        "title": named.title,
        "command": options.command,
        "papers": list(named.papers),
        "scale": options.scale,
        "date": datetime.date.today().isoformat(),
        "commit": provenance.commit(),
        "versions": provenance.versions(),
        "data": data_fingerprints(experiment.base),
        "arms": {job.arm: _arm(job, done[job.arm]) for job in jobs},
        "controls": {name: _row([row], trained[name]) for name, row in controls.items()},
        "ranking": _ranking(experiment, done, controls),
        "margin": experiment.margin,
        "claims": [dataclasses.asdict(judgement) for judgement in judgements],
        "verdict": _headline(experiment, judgements) if whole else None,
        "failed": failed,
    }
    record = finite(record)
    write_over(folder / "record.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    with contextlib.suppress(OSError):  # the file may have gone while its experiment ran
        write_whole(folder / "experiment.py", Path(named.file).read_text(encoding="utf-8"))
    return record


def _run(job: Job, seed: int) -> dict | None:
    """What a seed says of itself, where it does and is what was written; else None."""
    folder = Path(job.folder) / f"seed-{seed}"
    if not (folder / "run.json").exists():
        return None
    try:
        found = read_run(folder)
        if found["status"] == "done":
            check_run(folder)
        return found
    except UsageError as error:
        warn(f"{error} It is left out of the record.")
        return None


def _headline(experiment: Experiment, judgements: Sequence[Judgement]) -> str | None:
    """The verdict of the first claim; None where it could not be judged."""
    first = [claim.text for claim in experiment.claims[:1]]
    return next((one.verdict for one in judgements if one.text in first), None)


def _results(job: Job) -> Finished:
    """Results of the seeds that are done; read once, since their influences are kept with them.

    Seeds that an earlier command asked for count as well: a record never loses what is on disk.
    """
    found = (path.name.removeprefix("seed-") for path in Path(job.folder).glob("seed-*"))
    seeds = {*job.seeds, *(int(seed) for seed in found if seed.isdigit())}
    runs = {seed: _run(job, seed) for seed in sorted(seeds)}
    done = [seed for seed, run in runs.items() if run is not None and run["status"] == "done"]
    return {seed: read_results(Path(job.folder) / f"seed-{seed}") for seed in done}


def _shared(done: Mapping[str, Finished]) -> list[int]:
    """The seeds that all arms with a finished run have in common."""
    live = [set(seeds) for seeds in done.values() if seeds]
    return sorted(set.intersection(*live)) if live else []


def _ranking(
    experiment: Experiment,
    done: Mapping[str, Finished],
    controls: Mapping[str, Mapping[str, Result]],
) -> dict | None:
    """Arms over the seeds that they share, beside the controls; None of what was trained once."""
    shared = _shared(done)
    if experiment.base.trains and len(shared) < 2:
        return None
    arms = {name: [seeds[seed] for seed in shared] for name, seeds in done.items() if seeds}
    return ranking(arms | {name: [row] for name, row in controls.items() if name not in arms})


def _failures(job: Job) -> list[dict]:
    """Seeds of an arm that did not finish, with the reason."""
    found = []
    for seed in job.seeds:
        run = _run(job, seed) or {}
        if run.get("status") != "done":
            reason = run.get("error", "did not finish")
            found.append({"arm": job.arm, "seed": seed, "error": reason})
    return found


def _arm(job: Job, seeds: Finished) -> dict:
    from jaxemb.analysis import costs

    recipe = job.declared
    entry = {
        "overrides": job.overrides,
        "fingerprint": Path(job.folder).name.rpartition("-")[2],
        **costs.of_recipe(recipe),
        "flops_spent": _spent(job, seeds),
        "learning_rate": picked_rate(job),
        "seeds": [
            {"seed": seed, "metrics": read_scores(Path(job.folder) / f"seed-{seed}")}
            for seed in seeds
        ],
    }
    own = any(stage.learns and not stage.is_shared for stage in recipe.stages)
    entry["summary"] = _row(list(seeds.values()), trained=own)
    return entry


def _spent(job: Job, seeds: Iterable[int]) -> int | None:
    """FLOPs that training a seed took, on average, as the steps counted them; None where any did not."""
    found = [read_run(Path(job.folder) / f"seed-{seed}").get("flops") for seed in seeds]
    return round(sum(found) / len(found)) if found and None not in found else None


def _row(seeds: Sequence[Mapping[str, Result]], trained: bool) -> dict[str, dict[str, float]]:
    """`{"task/metric": {mean, low, high}}` over seeds and examples together.

    The interval of what was trained once is everything: how much seeds differ is not known.
    """
    if not seeds:
        return {}
    row = {}
    for task, first in seeds[0].items():
        for metric in first.metrics:
            results = [seed[task] for seed in seeds]
            score = level(results, metric, trained=trained or len(seeds) > 1)
            low, high = score.interval
            row[f"{task}/{metric}"] = {"mean": score.effect, "low": low, "high": high}
    return row


def _judge(
    experiment: Experiment, jobs: Sequence[Job], done: Mapping[str, Finished],
    controls: Mapping[str, Mapping[str, Result]],
) -> list[Judgement]:  # fmt: skip
    """The claims over the seeds that the arms have in common, where those are two or more.

    A claim about an arm without a finished run is left out.
    """
    live = [job for job in jobs if done[job.arm]]
    shared = _shared(done)
    claims = [claim for claim in experiment.claims if all(done.get(arm) for arm in claim.arms)]
    if not shared or not claims:
        return []
    trained = experiment.base.trains
    if trained and len(shared) < 2:
        return []
    arms = {job.arm: [done[job.arm][seed] for seed in shared] for job in live}
    table = Table(arms=arms, settings=_settings(live), trained=trained)
    # Where nothing is trained, nothing can have failed to learn.
    floors = flatten(controls.get("static_bag", {})) if trained else {}
    return judge_all(claims, table, experiment.margin, floors)


def _settings(jobs: Sequence[Job]) -> dict[str, dict[str, float]]:
    """Arms' numeric overrides by key, and their parameters, for claims across arms."""
    from jaxemb.analysis import costs

    settings: dict[str, dict[str, float]] = {}
    for job in jobs:
        size = costs.of_recipe(job.declared)["parameters"]
        for key, value in {"parameters": size, **job.overrides}.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                settings.setdefault(key, {})[job.arm] = float(value)
    return settings


def commit_record(record: dict, path: Path) -> None:
    """Keep a record where the table of papers is made from.

    Raises:
        UsageError: the code that made it differs from the commit it names, or runs failed.
    """
    if record["commit"] is None or record["commit"].endswith("+changes"):
        raise UsageError(
            "A record is kept only from a clean checkout: commit the code, then run again."
        )
    if record["failed"]:
        raise UsageError(f"{len(record['failed'])} runs failed; a record needs every run.")
    write_whole(path, json.dumps(record, indent=1) + "\n")


def finite(value: Any) -> Any:
    """Plain JSON: six digits a number, and null where a number is infinite or there is none."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
