"""The files of a run's folder: read with the shape they must have, checked by its manifest."""

import json
from pathlib import Path
from typing import Annotated, Any, TypedDict

from jaxemb.config import AtLeast, UsageError
from jaxemb.config.files import discard, warn, write_over
from jaxemb.config.manifests import MANIFEST, Damaged, check, listed, seal
from jaxemb.config.reading import check_format, read_json, read_json_lines
from jaxemb.evaluation import flatten
from jaxemb.statistics.result import Result

FORMAT = 2
"""Of `run.json`. Since 2, the folder of a finished run has a manifest."""
KIND, RESULTS = "run", "results"


class _Needed(TypedDict):
    arm: str
    status: str
    seed: Annotated[int, AtLeast(0)]
    recipe: dict[str, Any]


class RunFile(_Needed, total=False):
    """What `run.json` holds."""

    format: int
    fingerprint: str
    experiment: str
    scale: str
    overrides: dict[str, Any]
    data: dict[str, str]
    commit: str | None
    versions: dict[str, str]
    error: str
    flops: int | None


def read_run(folder: Path) -> RunFile:
    """What a run says of itself.

    Raises:
        UsageError: there is none, or it cannot be read, or it is of a format that is yet to come.
    """
    path = Path(folder) / "run.json"
    found = read_json(path, RunFile)
    check_format(path, found.setdefault("format", 0), FORMAT)
    return found


def seal_run(folder: Path) -> None:
    """Write the manifest of a finished run: of its results, its curve, and its model's manifest."""
    files = [folder / name for name in ("run.json", "scores.json", "metrics.jsonl")]
    files += [*sorted((folder / "examples").rglob("*.npz")), folder / "model" / MANIFEST]
    seal(folder, KIND, files)


def check_run(folder: Path) -> None:
    """Refuses a finished run that is not what was written.

    A run of before manifests is refused where its scores are not those of its records.

    Raises:
        Damaged: a file was changed, or the scores are not those of the examples' records.
    """
    required = read_run(folder)["format"] >= 2
    if not check(folder, KIND, required=required):
        read_results(folder)


def mended(folder: Path) -> bool:
    """Whether a finished run is what was written, or could be made so again from its own records.

    What cannot be is told, and then removed, so that it is run again.
    """
    try:
        check_run(folder)
        return True
    except UsageError as error:
        files = error.files if isinstance(error, Damaged) else ()
        if files == ("scores.json",) and _scores_again(folder):
            warn(f"{error} The scores are computed again from the examples' records.")
            return True
        warn(f"{error} This seed is run again.")
    discard(folder)
    return False


def _scores_again(folder: Path) -> bool:
    """Write the scores anew from the records, which the manifest or their own checksums vouch for."""
    sealed = (folder / MANIFEST).exists()
    records = [folder / name for name in listed(folder)] if sealed else folder.rglob("*.npz")
    results = {}
    try:
        for path in sorted(path for path in records if path.suffix == ".npz"):
            task = path.relative_to(folder / "examples").with_suffix("")
            results[task.as_posix()] = Result.load(path)
    except UsageError:
        return False
    write_json(folder / "scores.json", flatten(results))
    if sealed:
        seal_run(folder)
    return True


def write_results(folder: Path, results: dict[str, Result]) -> None:
    """Store a record for every example, one file per task, and then the scores."""
    (folder / "examples").mkdir(exist_ok=True)
    for task, result in results.items():
        result.save(folder / "examples" / f"{task}.npz")
    write_json(folder / "scores.json", flatten(results))


def read_results(folder: Path) -> dict[str, Result]:
    """Results of a finished run by task's name, with their per-example records.

    Raises:
        UsageError: a file cannot be read.
        Damaged: the scores are not those of the records.
    """
    folder, scores = Path(folder), read_scores(folder)
    tasks = dict.fromkeys(key.rpartition("/")[0] for key in scores)
    results = {task: Result.load(folder / "examples" / f"{task}.npz") for task in tasks}
    check_scores(folder, scores, results)
    return results


def check_scores(folder: Path, scores: dict[str, float], results: dict[str, Result]) -> None:
    """Refuses scores that are not those of the records beside them."""
    told = flatten(results)
    other = [key for key in told.keys() | scores.keys() if not _same(told, scores, key)]
    if other:
        raise Damaged(
            folder,
            ("scores.json",),
            f"{folder} is damaged: {min(other)} is {scores.get(min(other), 'absent')} in its "
            f"scores and {told.get(min(other), 'absent')} in its records.",
        )


def _same(one: dict[str, float], other: dict[str, float], key: str) -> bool:
    if key not in one or key not in other:
        return False
    return json.dumps(float(one[key])) == json.dumps(float(other[key]))


def read_scores(folder: Path) -> dict[str, float]:
    """`{"task/metric": x}` of a finished run.

    Raises:
        UsageError: they cannot be read.
    """
    return read_json(Path(folder) / "scores.json", dict[str, float])


def read_curve(folder: Path) -> list[dict]:
    """The training curve of a run: one object per step; a line that a kill cut short is left out."""
    lines = read_json_lines(Path(folder) / "metrics.jsonl")
    return [line for line in lines if type(line.get("step")) is int]


def write_json(path: Path, content: object) -> None:
    """Writes JSON whole, in the place of whatever is there."""
    write_over(path, json.dumps(content, indent=1))
