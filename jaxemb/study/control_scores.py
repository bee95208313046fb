"""What controls score: computed once for a base, and kept in the run folder."""

from collections.abc import Callable
from pathlib import Path

from jaxemb.config import UsageError, fingerprint
from jaxemb.config.files import discard, warn, whole_folder
from jaxemb.config.manifests import check, seal
from jaxemb.evaluation import final, flatten
from jaxemb.runtime import processes
from jaxemb.statistics.result import Result
from jaxemb.study.identity import data_fingerprints
from jaxemb.study.recipe import Recipe
from jaxemb.study.run_files import RESULTS, read_results, write_results
from jaxemb.study.specification import Experiment


def score_controls(
    experiment: Experiment, base: Recipe, folder: Path, again: bool, emit: Callable[[dict], None]
) -> dict[str, dict[str, Result]]:
    """Results of every control by its name, computed once for a base and kept in the run folder."""
    from jaxemb.study.stages import run_stages

    fitted, rows = {}, {}
    for control in experiment.controls:
        mark = fingerprint(base, control, data_fingerprints(base))[:8]
        place = folder / "controls" / f"{control.name}-{mark}"
        if processes.agree(again or not _is_whole(place)):
            emit({"event": "control", "arm": control.name})
            recipe = control.recipe(base)
            which = fingerprint(recipe), control.trained
            if base.embedder is not None and which not in fitted:
                fitted[which] = run_stages(recipe, until_training=not control.trained)
            if processes.is_first():
                _keep(place, control.score(fitted.get(which), final(base.evaluation)), again)
        if not processes.is_first():
            continue
        rows[control.name] = read_results(place)
        emit({"event": "control_done", "arm": control.name, "scores": flatten(rows[control.name])})
    return rows


def _is_whole(place: Path) -> bool:
    """Whether a control's results are there, and are what was written."""
    if not place.exists():
        return False
    try:
        return check(place, RESULTS) or bool(read_results(place))
    except UsageError as error:
        warn(f"{error} The control is scored again.")
        discard(place)
        return False


def _keep(place: Path, results: dict[str, Result], again: bool = False) -> None:
    """Put a control's results in their place whole: tasks of a batch system may score it together.

    Unless it is scored again, what another one has put there meanwhile stays.
    """
    with whole_folder(place) as staging:
        write_results(staging, results)
        seal(staging, RESULTS)
        if again or not (place / "scores.json").exists():
            discard(place)
