"""Finished runs, arms over their seeds, and results of `jaxemb eval`, read alike."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.config.manifests import Damaged, check
from jaxemb.config.reading import check_format, read_json, shaped
from jaxemb.interop.loading import read_description
from jaxemb.statistics.result import Result
from jaxemb.study.run_files import check_run, check_scores, read_results, read_run

EVALUATED = "results.json"
"""What `jaxemb eval --out` writes beside the records."""
EVALUATION, FORMAT = "evaluation", 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoredArm:
    """One row of a comparison: its results by seed, and what they were made with.

    `described` is the content of `run.json` or `results.json`; `embedder` the JSON of what embedded.
    """

    path: Path
    name: str
    described: Mapping[str, Any]
    embedder: Mapping[str, Any] | None
    seeds: Mapping[int, Mapping[str, Result]]

    @property
    def trained(self) -> bool:
        """Whether another seed would have given another model."""
        stages = (self.described.get("recipe") or {}).get("stages", [])
        return any(stage["part"].endswith(".Train") for stage in stages)

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The JSON of every task that the arm was scored in, by its name."""
        told = (self.described.get("recipe") or {}).get("evaluation", [])
        return {task["name"]: task for task in told if task.get("name") in self.results}

    @property
    def descriptive(self) -> frozenset[str]:
        """Tasks whose scores say what a model is like, not how good it is."""
        return frozenset(self.described.get("descriptive", ()))

    @property
    def results(self) -> Mapping[str, Result]:
        """The first seed's."""
        return next(iter(self.seeds.values()))


def read_arm(path: Path) -> ScoredArm:
    """A run's folder (`.../seed-0`), an arm's, or the results of `jaxemb eval`.

    Raises:
        UsageError: there is no finished run, or a file cannot be read.
    """
    if path.suffix == ".json" and path.is_file():
        return _evaluated(path)
    return _evaluated(path / EVALUATED) if (path / EVALUATED).exists() else _run(path)


def _run(path: Path) -> ScoredArm:
    found = [path] if (path / "run.json").exists() else sorted(path.glob("seed-*/"))
    runs = [(folder, read_run(folder)) for folder in found if (folder / "run.json").exists()]
    done = [(folder, run) for folder, run in runs if run["status"] == "done"]
    if not done:
        raise UsageError(
            f"{path} holds no finished run; give a run's folder (.../seed-0), an arm's, or what "
            "`jaxemb eval --out` wrote."
        )
    first, described = done[0]
    shaped(described, _Described, first / "run.json")
    return ScoredArm(
        path=path,
        name=described["arm"],
        described=described,
        embedder=_embedder(first, described),
        seeds={run["seed"]: _results(folder) for folder, run in sorted(done, key=_by_seed)},
    )


def _by_seed(found: tuple[Path, dict]) -> int:
    return found[1]["seed"]


def _results(folder: Path) -> dict[str, Result]:
    try:
        check_run(folder)
        return read_results(folder)
    except Damaged as error:
        raise UsageError(f"{error} The command that made it makes it again.") from None


def _embedder(folder: Path, described: Mapping[str, Any]) -> dict[str, Any] | None:
    """The saved model's; weights that are only named are resolved, where they still are here."""
    saved = folder / "model" / "model.json"
    told = read_description(saved.parent).get("embedder") if saved.exists() else None
    if told is not None:
        return shaped(told, _Network, saved, "embedder")
    try:
        network = from_json(described["recipe"]).network
    except UsageError:
        return None
    return None if network is None else to_json(network)


def _evaluated(path: Path) -> ScoredArm:
    """Scores of a model in a suite, with a record for every example where the file lies beside them."""
    described = read_json(path, dict)
    if "scores" not in described:
        raise UsageError(f"{path} holds no scores; `jaxemb eval MODEL --json` prints such a file.")
    shaped(described, _Evaluated, path)
    check_format(path, described.get("format", 0), FORMAT)
    kept = (path.parent / "examples").is_dir() and path.name == EVALUATED
    return ScoredArm(
        path=path,
        name=Path(described.get("model", path.stem)).name,
        described=described,
        embedder=described.get("embedder"),
        seeds={0: _records(path, described["scores"]) if kept else _scores_alone(described)},
    )


class _Text(TypedDict, total=False):
    template: dict[str, Any] | None
    max_tokens: int | None
    query_tokens: int | None


class _Network(TypedDict, total=False):
    text: _Text | None


class _Stage(TypedDict):
    part: str


class _Data(TypedDict, total=False):
    split: str | None


class _Task(TypedDict, total=False):
    name: str
    data: _Data | None
    inner: "_Task"


class _Runtime(TypedDict, total=False):
    dtype: str


class _Recipe(TypedDict, total=False):
    stages: list[_Stage]
    evaluation: list[_Task]
    runtime: _Runtime | None


class _Used(TypedDict):
    prompt: str
    max_tokens: int | None


class _Described(TypedDict, total=False):
    recipe: _Recipe | None
    settings: dict[str, _Used]
    descriptive: list[str]


class _Evaluated(_Described, total=False):
    scores: dict[str, float]
    model: str
    embedder: _Network | None
    data: dict[str, str]


def _records(path: Path, scores: Mapping[str, float]) -> dict[str, Result]:
    check(path.parent, EVALUATION)
    tasks = dict.fromkeys(key.rpartition("/")[0] for key in scores)
    found = {task: Result.load(path.parent / "examples" / f"{task}.npz") for task in tasks}
    check_scores(path.parent, dict(scores), found)
    return found


def _scores_alone(described: Mapping[str, Any]) -> dict[str, Result]:
    metrics: dict[str, dict[str, float]] = {}
    for key, value in described["scores"].items():
        task, _, metric = key.rpartition("/")
        metrics.setdefault(task, {})[metric] = value
    data = described.get("data", {})
    return {task: Result(metrics=found, data=data.get(task, "")) for task, found in metrics.items()}
